"""The paths of the interface's icons, on a grid of 16 with strokes of 1.5 (set by the stylesheet)."""

ICONS = {
    "grid": (
        '<rect x="2.5" y="2.5" width="4.5" height="4.5" rx="1"/>'
        '<rect x="9" y="2.5" width="4.5" height="4.5" rx="1"/>'
        '<rect x="2.5" y="9" width="4.5" height="4.5" rx="1"/>'
        '<rect x="9" y="9" width="4.5" height="4.5" rx="1"/>'
    ),
    "code": '<path d="M5.5 4.5 2 8l3.5 3.5M10.5 4.5 14 8l-3.5 3.5"/>',
    "play": '<path d="M4.5 3v10l8-5z"/>',
    "link": (
        '<path d="M6.5 9.5l3-3M7 4.5l1.2-1.2a3 3 0 0 1 4.3 4.3L11.3 8.8M9 11.5l-1.2 1.2a3 3 0 0 1-4.3-4.3L4.7 7.2"/>'
    ),
    "key": '<circle cx="5" cy="11" r="2.5"/><path d="M6.8 9.2 13 3M10.5 5.5l2 2"/>',
    "list": '<path d="M5.5 4H14M5.5 8H14M5.5 12H14M2.5 4h.01M2.5 8h.01M2.5 12h.01"/>',
    "team": (
        '<circle cx="6" cy="5.5" r="2.5"/>'
        '<path d="M1.5 13.5c.3-2.6 2-4 4.5-4s4.2 1.4 4.5 4M10.5 3.3a2.5 2.5 0 0 1 0 4.4M12.3 9.9c1.3.6 2 1.8 '
        '2.2 3.6"/>'
    ),
    "token": '<rect x="2" y="4" width="12" height="8" rx="2"/><path d="M5 8h.01M8 8h.01M11 8h.01"/>',
    "hook": '<path d="M8 2.5v5M5.5 6.5 8 9l2.5-2.5M3 10.5v1.5a1.5 1.5 0 0 0 1.5 1.5h7A1.5 1.5 0 0 0 13 12v-1.5"/>',
    "help": '<circle cx="8" cy="8" r="6"/><path d="M6.3 6.3a1.8 1.8 0 1 1 2.5 1.7c-.6.3-.8.6-.8 1.2M8 11.3h.01"/>',
    "chevron": '<path d="M5 6.5 8 3.5l3 3M5 9.5l3 3 3-3"/>',
    "down": '<path d="m4.5 6.5 3.5 3.5 3.5-3.5"/>',
    "menu": '<path d="M2.5 4.5h11M2.5 8h11M2.5 11.5h11"/>',
    "search": '<circle cx="7" cy="7" r="4.5"/><path d="m10.5 10.5 3 3"/>',
    "check": '<path d="m3.5 8.5 3 3 6-7"/>',
    "good": (
        '<circle cx="8" cy="8" r="6.25" fill="currentColor" stroke="none" opacity=".16"/>'
        '<circle cx="8" cy="8" r="6"/>'
        '<path d="m5.5 8.2 1.8 1.8 3.2-3.7"/>'
    ),
    "bad": (
        '<path d="M8 2.2 14.3 13H1.7z" fill="currentColor" stroke="none" opacity=".16"/>'
        '<path d="M8 2.2 14.3 13H1.7zM8 6.5v3M8 11.2h.01"/>'
    ),
    "warn": '<circle cx="8" cy="8" r="6"/><path d="M8 5v3.5M8 11h.01"/>',
    "info": '<circle cx="8" cy="8" r="6"/><path d="M8 7.5V11M8 5h.01"/>',
    "idle": '<circle cx="8" cy="8" r="5.5" stroke-dasharray="2 2.3"/>',
    "x": '<path d="m4 4 8 8M12 4l-8 8"/>',
    "copy": (
        '<rect x="5.5" y="5.5" width="8" height="8" rx="1.5"/>'
        '<path d="M10.5 5.5V4A1.5 1.5 0 0 0 9 2.5H4A1.5 1.5 0 0 0 2.5 4v5A1.5 1.5 0 0 0 4 10.5h1.5"/>'
    ),
    "refresh": '<path d="M13 8a5 5 0 1 1-1.5-3.6L13 6M13 2.8V6H9.8"/>',
    "out": '<path d="M6.5 3.5h-3v9h9v-3M9.5 2.5h4v4M13.5 2.5 7.5 8.5"/>',
    "more": '<path d="M3.5 8h.01M8 8h.01M12.5 8h.01" stroke-width="2.2"/>',
    "plus": '<path d="M8 3v10M3 8h10"/>',
    "shield": '<path d="M8 1.8 13 3.6v4c0 3.3-2 5.5-5 6.6-3-1.1-5-3.3-5-6.6v-4z"/><path d="m5.7 7.9 1.7 1.7 3-3.3"/>',
    "lock": '<rect x="3.5" y="7" width="9" height="6.5" rx="1.5"/><path d="M5.5 7V5a2.5 2.5 0 0 1 5 0v2"/>',
    "doc": '<path d="M4 2.5h5L12.5 6v7.5H4zM9 2.5V6h3.5"/>',
    "download": '<path d="M8 2.5v7M5 7l3 3 3-3M3 13.5h10"/>',
    "person": '<circle cx="8" cy="5.5" r="2.75"/><path d="M2.8 13.5c.4-2.8 2.4-4.3 5.2-4.3s4.8 1.5 5.2 4.3"/>',
    "leave": '<path d="M6.5 3.5h-3v9h3M6.5 8H13M10.5 5.5 13 8l-2.5 2.5"/>',
    "right": '<path d="M3 8h10M9.5 4.5 13 8l-3.5 3.5"/>',
    "upload": '<path d="M8 10V2.5M5 5.5l3-3 3 3M3 13.5h10"/>',
    "pencil": '<path d="m3 13 .6-2.7L10.8 3.1a1 1 0 0 1 1.4 0l.7.7a1 1 0 0 1 0 1.4L5.7 12.4z"/>',
    "trash": '<path d="M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.5 9h6l.5-9"/>',
    "bell": '<path d="M8 2a4 4 0 0 0-4 4c0 4-1.5 5-1.5 5h11S12 10 12 6a4 4 0 0 0-4-4zM6.6 13.5a1.5 1.5 0 0 0 2.8 0"/>',
    "mail": '<rect x="2" y="3.5" width="12" height="9" rx="1.5"/><path d="m2.5 4.5 5.5 4.5 5.5-4.5"/>',
    "popup": (
        '<rect x="2" y="4.5" width="9" height="8.5" rx="1.5"/>'
        '<path d="M5.5 4.5V3A1 1 0 0 1 6.5 2H13a1 1 0 0 1 1 1v5.5a1 1 0 0 1-1 1h-2"/>'
    ),
}
