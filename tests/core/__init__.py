"""The tests of ``txrpyc.core``: bytes, records and rules, without a reactor."""
