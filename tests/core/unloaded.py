"""Is imported by nothing but what must not import it."""


class UnloadedError(Exception):
    pass
