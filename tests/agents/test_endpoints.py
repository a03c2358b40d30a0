"""Endpoints: where they are configured, what leaves this machine, where keys are not."""

from __future__ import annotations

import pytest

from castline.agents.endpoints import Endpoint, configured, endpoint_of, notice
from castline.errors import SettingsError, UnknownName, UsageError

SETTINGS = {
    "endpoints": {
        "local": {"url": "http://127.0.0.1:8000/v1", "model": "Qwen3-8B"},
        "vendor": {"url": "https://api.example.com/v1", "model": "large", "key_variable": "KEY"},
    }
}


def test_a_word_is_a_name_of_the_settings_or_an_address() -> None:
    assert endpoint_of("local", SETTINGS).model == "Qwen3-8B"
    named = endpoint_of("https://10.0.0.7:8000/v1#qwen/Qwen3-8B", SETTINGS)
    assert (named.name, named.url) == ("10.0.0.7:8000#qwen/Qwen3-8B", "https://10.0.0.7:8000/v1")
    assert named.model == "qwen/Qwen3-8B"
    assert endpoint_of("http://[::1]:8000/v1", {}).is_local


def test_a_name_that_is_not_configured_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'vendor'"):
        endpoint_of("vendr", SETTINGS)


def test_a_scripted_server_has_to_be_started() -> None:
    with pytest.raises(UsageError, match="started first"):
        endpoint_of("scripted:oracle", SETTINGS)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/v1",
        "https://",
        "https:///v1",
        "host/v1",
        "https://[bad",
        "https://host:x/v1",
        "https://a..b/v1",
        "https://h/v1\r\nX: y",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="no address"):
        Endpoint("e", url)


@pytest.mark.parametrize(
    "url",
    ["https://me:geheim@host/v1", "https://geheim@host/v1", "https://host/v1?key=geheim"],
)
def test_an_address_that_holds_a_secret_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError, match="key_variable") as caught:
        endpoint_of(url, {})
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"a": {"url": "http://h/v1", "modle": "m"}}, "Did you mean 'model'"),
        ({"a": {"model": "m"}}, "url"),
        ({"a": {"url": "http://h/v1", "in_flight": 0}}, "in_flight"),
        ({"a": {"url": "http://h/v1", "price_in": -1}}, "price_in"),
        ({"a": {"url": "nowhere"}}, "no address"),
        ({"a": "http://h/v1"}, r"\[endpoints.a\]"),
        ("http://h/v1", "expected"),
        ({"a": {"url": "http://h/v1", "name": "b"}}, "in the brackets"),
    ],
)
def test_settings_that_make_no_sense_are_told(section: object, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        configured({"endpoints": section})


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("[::1]", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("192.168.0.2", False),
        ("0.0.0.0", False),
        ("api.example.com", False),
    ],
)
def test_only_this_machine_is_local(host: str, local: bool) -> None:
    assert Endpoint("e", f"http://{host}:8000/v1").is_local is local


def test_what_leaves_the_machine_is_told_with_where_to() -> None:
    here, away = (endpoint_of(name, SETTINGS) for name in ("local", "vendor"))
    plain = Endpoint("lan", "http://192.168.0.2/v1")

    assert notice([here], "subtitles") == ""
    assert notice([here, away, away, plain], "subtitles") == (
        "This sends subtitles to api.example.com and 192.168.0.2 (not encrypted)."
    )


def test_a_key_comes_from_the_environment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = endpoint_of("vendor", SETTINGS)
    monkeypatch.setenv("KEY", " sk-1234567890\n")
    assert endpoint.key() == "sk-1234567890"
    assert "sk-1234567890" not in repr(endpoint)
    assert endpoint_of("local", SETTINGS).key() == ""


@pytest.mark.parametrize("value", ["", " ", "sk-\n123", "schlüssel"])
def test_what_can_be_no_key_is_told_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("KEY", value)
    with pytest.raises(SettingsError, match="variable KEY") as caught:
        endpoint_of("vendor", SETTINGS).key()
    assert "schl" not in str(caught.value)


def test_replies_belong_to_the_model_and_what_is_always_sent_with_it() -> None:
    def identity(**values: object) -> str:
        return Endpoint(**{"name": "e", "url": "http://a/v1", "model": "m", **values}).identity  # type: ignore[arg-type]

    assert identity() == identity(url="http://b/v1", name="f", price_in=3.0)
    changed: list[dict[str, object]] = [
        {"model": "n"},
        {"extra": {"top_k": 1}},
        {"omit": ("temperature",)},
    ]
    assert len({identity(), *(identity(**each) for each in changed)}) == 4
    assert identity(extra={"a": 1, "b": 2}) == identity(extra={"b": 2, "a": 1})
