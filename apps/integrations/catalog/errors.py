"""What can be wrong with a catalog entry, by file and key."""


class CatalogError(Exception):
    """A catalog file cannot be used; the text names the file and the key."""

    def __init__(self, file: str, key: str, problem: str) -> None:
        super().__init__(f"{file}: {key}: {problem}" if key else f"{file}: {problem}")
        self.file = file
        self.key = key
        self.problem = problem


class SchemaError(Exception):
    """The value at `key` (dotted) breaks a rule of the schema; the file is not known yet."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(problem)
        self.key = key
        self.problem = problem
