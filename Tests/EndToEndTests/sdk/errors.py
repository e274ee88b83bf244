"""Errors arrive as the SDK's own kinds, and what cannot succeed is not tried again."""

import os
import time

import openai
from case import HELLO, Counter, fault, plain, raises, received, same


def once(kind, code, call, **options):
    """A call that fails with this kind and code, and is sent once."""
    counter = Counter()
    client = plain(http_client=counter.client(), max_retries=3, **options)
    error = raises(kind, lambda: call(client))
    same(error.code, code, "code")
    same(counter.requests, 1, f"requests for {code}")
    return error


def caller():
    def ask(model="m", **more):
        return lambda client: client.chat.completions.create(model=model, messages=HELLO, **more)

    once(openai.NotFoundError, "weir_unknown_model", ask("gpt-99"))
    once(openai.AuthenticationError, "weir_key_refused", ask(), key="weir_wrong")
    error = once(openai.BadRequestError, "weir_bad_value", ask(n=129))
    same(error.param, "n", "parameter")
    once(
        openai.BadRequestError,
        "weir_unbounded_field",
        lambda client: client.responses.create(model="m", input="hello", previous_response_id="resp_1"),
    )
    once(
        openai.BadRequestError,
        "weir_unbounded_field",
        lambda client: client.responses.create(model="m", input="hello", tools=[{"type": "web_search"}]),
    )
    once(openai.NotFoundError, "weir_route_not_governed", lambda client: client.files.list())


def money():
    """A limit that is reached: a 429 that the SDK would try again by itself, and is told not to."""
    before = len(received())
    error = once(
        openai.RateLimitError,
        "weir_limit_reached",
        lambda client: client.chat.completions.create(model="m", messages=HELLO),
        key=os.environ["WEIR_POOR_KEY"],
    )
    same(error.response.headers["x-should-retry"], "false", "x-should-retry")
    same(len(received()), before, "requests at the clouds")


def throttled_elsewhere():
    """One endpoint says 429: the other answers, and the caller sees nothing of it."""
    fault("rate-limit:60000", "cloud", 1)
    counter = Counter()
    raw = plain(http_client=counter.client()).chat.completions.with_raw_response.create(model="m", messages=HELLO)
    same(raw.headers["x-weir-endpoint"], "spare", "endpoint")
    same(counter.requests, 1, "requests")


def throttled_everywhere():
    """The only endpoint says 429: the caller is told when to come back, does, and is answered."""
    fault("rate-limit:700", "azure", 1)
    counter = Counter()
    client = plain(http_client=counter.client(), max_retries=2)
    start = time.monotonic()
    assert client.chat.completions.create(model="gpt-4o", messages=HELLO).choices[0].message.content
    same(counter.requests, 2, "requests")
    assert time.monotonic() - start >= 0.6, "the SDK did not wait as long as the provider asked"


def cut():
    """A stream that breaks is an error, never an ending."""
    fault("cut-stream:3", "azure", 1)
    client = plain(max_retries=0)
    stream = client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True)
    error = raises(openai.APIError, lambda: list(stream))
    same(error.code, "weir_stream_cut", "code")


for part in (caller, money, throttled_elsewhere, throttled_everywhere, cut):
    part()
    print("ok", part.__name__)
