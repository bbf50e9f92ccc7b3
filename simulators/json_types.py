"""Whether a value is of a JSON type, as schemas name them."""


def is_of_type(name: str, value: object) -> bool:
    """`integer`, `number`, `boolean`, `array` or else `string`. In JSON no boolean is a number."""
    match name:
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "array":
            return isinstance(value, list)
        case _:
            return isinstance(value, str)
