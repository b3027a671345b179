"""What every word of the journey language shares."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator

from errors import JourneyError


class Word(BaseModel):
    """Frozen, closed, and named in JSON by its `kind`. What does not fit is refused with a `JourneyError`.

    A field that is added later has a default, so that it changes no hash. A word that is added later has none for its
    `kind`: what is at its default is not hashed, and two words with the same fields would be one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="wrap")
    @classmethod
    def _or_a_sentence(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(value)
        except ValidationError as error:
            if not isinstance(value, dict):
                raise  # one of several kinds of value that may stand here
            name = value.get("id") or value.get("name") or ""
            problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            raise JourneyError(f"{cls.__name__.lower()} {str(name)!r} does not fit: {problems}") from error
