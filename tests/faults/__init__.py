"""What processes do when they are killed or stopped in the middle of a refresh, or lose their database or queue."""
