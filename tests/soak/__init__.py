"""Long runs under load: ``python -m tests.soak --help``. The usual tests do the same for some seconds."""
