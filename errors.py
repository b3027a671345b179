"""Every error that Sojourn raises on purpose. The message says what is wrong and what to do next.

SojournError
├── JourneyError            a journey that makes no sense
├── TemplateError           a text that cannot be used
├── DefinitionMissing       a published journey that this worker does not have
├── RulesMissing            a life that goes by newer rules than this worker's
├── SettingsError           a setting that is missing or wrong
├── StackError              the embedded stack cannot run
├── DatabaseError           PostgreSQL cannot be used
│   └── MigrationMissing    the schema is older than the code
├── EngineError             Temporal cannot be used
│   └── NoAnswer            a customer's life does not answer
├── PayloadKeyMissing       something was encrypted with a key that is not known here
└── InputError              a file, an id or an argument that cannot be taken
"""


class SojournError(Exception):
    """The root: caught once, at the edge of a command, and printed without a traceback."""


class JourneyError(SojournError):
    """A journey that makes no sense."""


class TemplateError(SojournError):
    """A text that cannot be used."""


class DefinitionMissing(SojournError):
    """A published journey that this worker does not have."""


class RulesMissing(SojournError):
    """A life that goes by newer rules than this worker's."""


class SettingsError(SojournError):
    """A setting that is missing or wrong."""


class StackError(SojournError):
    """The embedded stack cannot run."""


class DatabaseError(SojournError):
    """PostgreSQL cannot be used."""


class MigrationMissing(DatabaseError):
    """The schema is older than the code."""


class EngineError(SojournError):
    """Temporal cannot be used."""


class NoAnswer(EngineError):
    """A customer's life does not answer."""


class PayloadKeyMissing(SojournError):
    """Something was encrypted with a key that is not known here."""


class InputError(SojournError):
    """A file, an id or an argument that cannot be taken."""
