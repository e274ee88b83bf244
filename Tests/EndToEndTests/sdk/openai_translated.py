"""OpenAI(base_url=…) where the endpoint speaks another dialect: chat and responses, plain and streamed, tools, thinking, errors."""

import json
import sys

import openai
from case import HELLO, WEATHER, fault, plain, raises, same

MODEL, ENDPOINT = sys.argv[1], sys.argv[2]
FUNCTION = {"type": "function", **WEATHER["function"]}


def chat(client):
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=[{"role": "system", "content": "Be brief."}] + HELLO, stop=["#"]
    )
    same(raw.headers["x-weir-endpoint"], ENDPOINT, "endpoint")
    same(raw.headers["x-weir-rewrites"].split(", ")[0], "dialect", "rewrites")
    answer = raw.parse()
    same((answer.object, answer.choices[0].finish_reason), ("chat.completion", "stop"), "answer")
    assert answer.choices[0].message.content, answer
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens, answer.usage
    same(
        client.chat.completions.create(model=MODEL, messages=HELLO, max_completion_tokens=1).choices[0].finish_reason,
        "length",
        "finish reason",
    )
    image = {"type": "image_url", "image_url": {"url": "https://example.org/river.png"}}
    content = [image, {"type": "text", "text": "What is this?"}]
    assert client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}]).choices


def chat_stream(client):
    def stream(**more):
        return list(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True, **more))

    chunks = stream()
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks), chunks
    same(chunks[-1].choices[0].finish_reason, "stop", "finish reason")
    assert all(chunk.usage is None for chunk in chunks)
    chunks = stream(stream_options={"include_usage": True})
    same(chunks[-1].choices, [], "choices beside usage")
    assert chunks[-1].usage.completion_tokens > 0 and chunks[-1].usage.prompt_tokens > 0, chunks[-1]


def chat_tools(client):
    ask = dict(model=MODEL, messages=HELLO, tools=[WEATHER])
    for choice in ("required", {"type": "function", "function": {"name": "weather"}}):
        answer = client.chat.completions.create(tool_choice=choice, **ask)
        same(answer.choices[0].finish_reason, "tool_calls", "finish reason")
        call = answer.choices[0].message.tool_calls[0]
        same(call.function.name, "weather", "tool")
        assert isinstance(json.loads(call.function.arguments)["town"], str)
        arguments, name = "", None
        for chunk in client.chat.completions.create(tool_choice=choice, stream=True, **ask):
            for piece in chunk.choices[0].delta.tool_calls or []:
                name = name or piece.function.name
                arguments += piece.function.arguments or ""
        same(name, "weather", "tool of the stream")
        assert isinstance(json.loads(arguments)["town"], str)
    # The message goes back as it came, with what it says of thinking.
    back = HELLO + [
        answer.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "Rain."},
    ]
    again = client.chat.completions.create(model=MODEL, messages=back, tools=[WEATHER])
    same(again.choices[0].finish_reason, "stop", "finish reason after the tool")


def responses(client):
    answer = client.responses.create(model=MODEL, input="Say hello to the river.", instructions="Be brief.")
    same(answer.status, "completed", "status")
    assert answer.output_text and answer.usage.output_tokens > 0, answer
    short = client.responses.create(model=MODEL, input="hello", max_output_tokens=16)
    assert short.status in ("completed", "incomplete"), short
    kinds, text = [], ""
    with client.responses.stream(model=MODEL, input="Say hello to the river.") as stream:
        for event in stream:
            kinds.append(event.type)
            text += event.delta if event.type == "response.output_text.delta" else ""
        final = stream.get_final_response()
    same((kinds[0], kinds[-1]), ("response.created", "response.completed"), "events")
    assert text and text == final.output_text, (text, final)
    called = client.responses.create(model=MODEL, input="hello", tools=[FUNCTION], tool_choice="required")
    call = called.output[-1]
    same((call.type, call.name), ("function_call", "weather"), "call")
    back = [{"role": "user", "content": "hello"}] + [item.model_dump(exclude_none=True) for item in called.output]
    back.append({"type": "function_call_output", "call_id": call.call_id, "output": "Rain."})
    assert client.responses.create(model=MODEL, input=back, tools=[FUNCTION]).output_text


def errors(client):
    def ask(client, **more):
        return client.chat.completions.create(**{"model": MODEL, "messages": HELLO, **more})

    error = raises(openai.BadRequestError, lambda: ask(client, logit_bias={"5": 1}))
    same((error.code, error.param), ("weir_not_carried", "logit_bias"), "what cannot be carried")
    audio = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    raises(openai.BadRequestError, lambda: ask(client, messages=[{"role": "user", "content": [audio]}]))
    fault("status:400", ENDPOINT, 1)
    error = raises(openai.BadRequestError, lambda: ask(client))
    same(error.type, "invalid_request_error", "type of the provider's error")
    for broken in ("cut-stream:6", "error-event:6", "end-early:6"):
        fault(broken, ENDPOINT, 1)
        raises(openai.APIError, lambda: list(ask(plain(max_retries=0), stream=True)))


if __name__ == "__main__":
    client = plain()
    for case in (chat, chat_stream, chat_tools, responses, errors):
        case(client)
