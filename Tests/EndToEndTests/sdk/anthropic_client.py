"""Anthropic(base_url=…): messages plain and streamed, tools, images, thinking, counting, errors."""

import json
import os
import sys

import anthropic
from case import CALLS, KEY, TIMEOUT_SECONDS, fault, raises, received, same

HELLO = [{"role": "user", "content": "Say hello to the river."}]
WEATHER = {
    "name": "weather",
    "description": "The weather of a town",
    "input_schema": {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]},
}
# A single red pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="

# The same script runs where Claude answers in its own words, and where Weir translates.
MODEL, ENDPOINT = sys.argv[1], sys.argv[2]


def client(key=KEY, **options):
    return anthropic.Anthropic(base_url=CALLS, api_key=key, timeout=TIMEOUT_SECONDS, **options)


def plain(weir):
    raw = weir.messages.with_raw_response.create(model=MODEL, max_tokens=64, system="Be brief.", messages=HELLO)
    same(raw.headers["x-weir-endpoint"], ENDPOINT, "endpoint")
    message = raw.parse()
    same((message.type, message.role, message.stop_reason), ("message", "assistant", "end_turn"), "message")
    assert message.content[-1].type == "text" and message.content[-1].text, message
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0, message.usage
    short = weir.messages.create(model=MODEL, max_tokens=1, messages=HELLO)
    same(short.stop_reason, "max_tokens", "stop reason")
    talk = HELLO + [
        {"role": "assistant", "content": [{"type": "text", "text": message.content[-1].text}]},
        {"role": "user", "content": "And to the sea."},
    ]
    assert weir.messages.create(model=MODEL, max_tokens=64, messages=talk, stop_sequences=["#"])


def streamed(weir):
    whole = weir.messages.create(model=MODEL, max_tokens=64, messages=HELLO)
    with weir.messages.stream(model=MODEL, max_tokens=64, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text and text == final.content[-1].text, (text, final)
    same(final.stop_reason, "end_turn", "stop reason")
    assert final.usage.output_tokens > 0 and final.usage.input_tokens > 0, final.usage
    assert whole.content[-1].text
    kinds = [event.type for event in weir.messages.create(model=MODEL, max_tokens=64, messages=HELLO, stream=True)]
    same((kinds[0], kinds[-2], kinds[-1]), ("message_start", "message_delta", "message_stop"), "events")


def tools(weir):
    ask = dict(model=MODEL, max_tokens=200, messages=HELLO, tools=[WEATHER])
    for choice in ({"type": "tool", "name": "weather"}, {"type": "any"}):
        message = weir.messages.create(tool_choice=choice, **ask)
        same(message.stop_reason, "tool_use", "stop reason")
        use = message.content[-1]
        same((use.type, use.name), ("tool_use", "weather"), "block")
        assert isinstance(use.input["town"], str), use
        with weir.messages.stream(tool_choice=choice, **ask) as stream:
            final = stream.get_final_message()
        same(final.stop_reason, "tool_use", "stop reason of the stream")
        assert isinstance(final.content[-1].input["town"], str), final
    result = {"type": "tool_result", "tool_use_id": use.id, "content": [{"type": "text", "text": "Rain."}]}
    back = HELLO + [
        {"role": "assistant", "content": [use.model_dump(include={"type", "id", "name", "input"})]},
        {"role": "user", "content": [result, {"type": "text", "text": "So?"}]},
    ]
    after = weir.messages.create(model=MODEL, max_tokens=64, messages=back, tools=[WEATHER])
    same(after.stop_reason, "end_turn", "stop reason after the tool")


def images(weir):
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    content = [image, {"type": "text", "text": "What is this?"}]
    message = weir.messages.create(model=MODEL, max_tokens=64, messages=[{"role": "user", "content": content}])
    assert message.content[-1].text


def counting(weir):
    if ENDPOINT != "claude":
        return
    count = weir.messages.count_tokens(model=MODEL, messages=HELLO)
    assert 0 < count.input_tokens < 100, count


def models(weir):
    names = [model.id for model in weir.models.list()]
    assert MODEL in names and len(names) > 1, names
    same(weir.models.retrieve(MODEL).type, "model", "type")
    raises(anthropic.NotFoundError, lambda: weir.models.retrieve("claude-99"))


def errors():
    def ask(weir, **more):
        return weir.messages.create(**{"model": MODEL, "max_tokens": 9, "messages": HELLO, **more})

    error = raises(anthropic.NotFoundError, lambda: ask(client(), model="claude-99"))
    same(error.body["error"]["code"], "weir_unknown_model", "code")
    same(error.body["type"], "error", "type")
    assert error.request_id or error.body["request_id"]
    error = raises(anthropic.AuthenticationError, lambda: ask(client(key="weir_wrong")))
    same(error.body["error"]["type"], "authentication_error", "type")
    before = len(received())
    error = raises(anthropic.RateLimitError, lambda: ask(client(key=os.environ["WEIR_POOR_KEY"], max_retries=3)))
    same(error.body["error"]["code"], "weir_limit_reached", "code")
    same(len(received()), before, "requests at the clouds")
    fault("status:400", ENDPOINT, 1)
    error = raises(anthropic.BadRequestError, lambda: ask(client()))
    same(error.body["error"]["type"], "invalid_request_error", "type of the provider's error")
    fault("cut-stream:6", ENDPOINT, 1)
    raises((anthropic.APIStatusError, anthropic.APIConnectionError), lambda: list(ask(client(max_retries=0), stream=True)))


if __name__ == "__main__":
    weir = client()
    for case in (plain, streamed, tools, images, counting, models):
        case(weir)
    plain(client(key=None, auth_token=KEY))
    errors()
