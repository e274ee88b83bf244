"""What the scripts share: where Weir is, and clients that count what they send."""

import json
import os
import urllib.request

import openai

CALLS = os.environ["WEIR_CALLS"]
KEY = os.environ["WEIR_KEY"]
TIMEOUT_SECONDS = 60


class Counter:
    """Requests that an SDK's client put on the wire, its own retries included."""

    def __init__(self):
        self.requests = 0

    def note(self, request):
        self.requests += 1

    def client(self):
        return openai.DefaultHttpxClient(event_hooks={"request": [self.note]})


def plain(**options):
    """The client that OpenAI's documentation shows, with another base_url."""
    return openai.OpenAI(base_url=f"{CALLS}/v1", api_key=options.pop("key", KEY), timeout=TIMEOUT_SECONDS, **options)


def azure(version, **options):
    return openai.AzureOpenAI(
        azure_endpoint=CALLS, api_version=version, api_key=options.pop("key", KEY), timeout=TIMEOUT_SECONDS, **options
    )


def fault(name, endpoint, times):
    """Has an endpoint of the simulated clouds misbehave for its next requests."""
    body = json.dumps({"endpoint": endpoint, "fault": name, "times": times}).encode()
    request = urllib.request.Request(os.environ["WEIR_CLOUDS"] + "/fault", data=body, method="POST")
    assert urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS).status == 200


def received():
    """Everything that the simulated clouds were asked so far."""
    with urllib.request.urlopen(os.environ["WEIR_CLOUDS"] + "/record", timeout=TIMEOUT_SECONDS) as answer:
        return json.load(answer)


def same(actual, wanted, what):
    assert actual == wanted, f"{what}: {actual!r}, not {wanted!r}"


def raises(kind, call):
    """The error that a call raises, which has to be of this kind."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} was raised")


HELLO = [{"role": "user", "content": "Say hello to the river."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a town",
        "parameters": {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]},
    },
}
