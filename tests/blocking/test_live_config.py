"""The settings of a connection, as a dict that programs assign to."""

from __future__ import annotations

import warnings

from twisted.trial.unittest import SynchronousTestCase

import txrpyc
from txrpyc.blocking.live_config import DEFAULT_CONFIG, LiveConfig
from txrpyc.core.config import Rules
from txrpyc.errors import ConfigurationError


class LiveConfigTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.config = LiveConfig({})
        self.changes: list[Rules] = []
        self.config.on_change = self.changes.append

    def test_defaults(self) -> None:
        """Without settings a connection has rpyc's, and a name of its own."""
        self.assertEqual({**self.config, "connid": None}, DEFAULT_CONFIG)
        self.assertNotEqual(self.config["connid"], LiveConfig({})["connid"])
        self.assertEqual(self.config.rules, Rules())

    def test_changed_defaults(self) -> None:
        """What a program changes of the defaults holds for connections that are made later, also within a value."""
        self.addCleanup(DEFAULT_CONFIG.update, dict(DEFAULT_CONFIG))
        self.addCleanup(DEFAULT_CONFIG.clear)  # the last comes first
        self.addCleanup(DEFAULT_CONFIG["safe_attrs"].discard, "shout")
        DEFAULT_CONFIG.update(allow_pickle=True, own="kept")
        DEFAULT_CONFIG["safe_attrs"].add("shout")
        later = LiveConfig({})
        self.assertEqual((later["own"], later["allow_pickle"], later.rules.allow_pickle), ("kept", True, True))
        self.assertIn("shout", later.rules.safe_attrs)
        self.assertEqual(self.config.rules, Rules())

    def test_shared(self) -> None:
        """Connections with the same settings share one record of the rules."""
        settings = {"allow_setattr": True, "safe_attrs": {"shout"}}
        self.assertIs(LiveConfig(settings).rules, LiveConfig(settings).rules)
        self.assertIs(self.config.rules, LiveConfig({"credentials": "other"}).rules)
        self.assertIsNot(self.config.rules, LiveConfig(settings).rules)

    def test_facts(self) -> None:
        """What is no rule can be assigned, too, and changes none."""
        self.config["credentials"] = "secret"
        self.assertEqual((self.config["credentials"], self.changes), ("secret", []))

    def test_unhashable(self) -> None:
        """A value that nobody expects is kept all the same."""
        self.assertEqual(LiveConfig({"log_exceptions": ["always"]}).rules.log_exceptions, ["always"])

    def test_assignment_takes_effect(self) -> None:
        """An assigned rule is told at once."""
        self.config["allow_public_attrs"] = True
        self.assertTrue(self.config["allow_public_attrs"])
        self.assertEqual(self.changes, [Rules(allow_public_attrs=True)])

    def test_update(self) -> None:
        """Several settings change together."""
        self.config.update({"allow_setattr": True}, sync_request_timeout=None)
        self.assertEqual(self.changes, [Rules(allow_setattr=True, sync_request_timeout=None)])

    def test_deleted(self) -> None:
        """A deleted rule is as if it had not been set."""
        self.config["allow_pickle"] = True
        del self.config["allow_pickle"]
        self.assertFalse(self.config.rules.allow_pickle)

    def test_unknown_key(self) -> None:
        """A key that is not known is kept, and a warning says which are known."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.config["allow_everything"] = True
            self.config["allow_everything"] = False
        self.assertEqual(len(caught), 1)
        for name in ("allow_everything", "allow_all_attrs", "sync_request_timeout", "connid"):
            self.assertIn(name, str(caught[0].message))
        self.assertEqual(caught[0].filename.rpartition("/")[2], "test_live_config.py")
        self.assertFalse(self.config["allow_everything"])

    def test_wrong_value(self) -> None:
        """A value that cannot be raises, and nothing changes, nor what was set with it."""
        before = dict(self.config)
        error = self.assertRaises(ConfigurationError, self.config.update, compression="maybe", allow_pickle=True)
        self.assertIn("'maybe'", str(error))
        self.assertEqual((dict(self.config), self.changes), (before, []))

    def test_copy(self) -> None:
        """A copy is a dict that changes nothing."""
        self.config.copy()["allow_pickle"] = True
        self.assertFalse(self.config["allow_pickle"])

    def test_of_a_connection(self) -> None:
        """What is assigned to ``conn._config`` holds for the peer's next request."""

        class Shy:
            public = "seen"

        class ShyService(txrpyc.Service):
            def exposed_look(self, thing: object) -> object:
                return thing.public

        connection = txrpyc.connect_thread(remote_service=ShyService)
        self.addCleanup(connection.close)
        self.assertRaises(AttributeError, connection.root.look, Shy())
        connection._config["allow_public_attrs"] = True
        self.assertEqual(connection.root.look(Shy()), "seen")
