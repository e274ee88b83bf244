"""OpenAI(base_url=…): every operation, plain and streamed."""

import json

from case import HELLO, WEATHER, plain, received, same


def chat(client):
    answer = client.chat.completions.create(model="m", messages=HELLO)
    same(answer.choices[0].finish_reason, "stop", "finish reason")
    assert answer.choices[0].message.content
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    limited = client.chat.completions.create(model="m", messages=HELLO, max_completion_tokens=3, n=2)
    same([choice.finish_reason for choice in limited.choices], ["length", "length"], "finish reasons")
    same(limited.usage.completion_tokens, 6, "completion tokens")


def chat_stream(client):
    whole = client.chat.completions.create(model="m", messages=HELLO)
    text, usages, choiceless = "", 0, 0
    for chunk in client.chat.completions.create(model="m", messages=HELLO, stream=True):
        usages += chunk.usage is not None
        choiceless += not chunk.choices
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    # Weir asked for usage; a caller who did not is not shown any.
    same((usages, choiceless), (0, 0), "usage events that nobody asked for")
    assert text and whole.choices[0].message.content

    chunks = list(
        client.chat.completions.create(model="m", messages=HELLO, stream=True, stream_options={"include_usage": True})
    )
    same([bool(chunk.usage) for chunk in chunks[-2:]], [False, True], "usage at the end")
    same(chunks[-1].choices, [], "choices beside usage")
    assert chunks[-1].usage.completion_tokens > 0

    off = list(
        client.chat.completions.create(model="m", messages=HELLO, stream=True, stream_options={"include_usage": False})
    )
    assert all(chunk.usage is None for chunk in off)


def tools(client):
    forced = {"type": "function", "function": {"name": "weather"}}
    answer = client.chat.completions.create(model="m", messages=HELLO, tools=[WEATHER], tool_choice=forced)
    call = answer.choices[0].message.tool_calls[0]
    same(call.function.name, "weather", "tool")
    assert isinstance(json.loads(call.function.arguments)["town"], str)
    arguments = ""
    for chunk in client.chat.completions.create(
        model="m", messages=HELLO, tools=[WEATHER], tool_choice="required", stream=True
    ):
        for choice in chunk.choices:
            for part in choice.delta.tool_calls or []:
                arguments += part.function.arguments or ""
    assert "town" in json.loads(arguments)


def completions(client):
    answer = client.completions.create(model="m", prompt="The river", max_tokens=5)
    assert answer.choices[0].text and answer.usage.completion_tokens == 5
    chunks = list(client.completions.create(model="m", prompt="The river", max_tokens=5, stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
    assert all(chunk.choices for chunk in chunks)


def embeddings(client):
    # The SDK asks for base64 and decodes it itself.
    answer = client.embeddings.create(model="embed", input=["one river", "two rivers"])
    same([len(item.embedding) for item in answer.data], [64, 64], "dimensions")
    floats = client.embeddings.create(model="embed", input="one river", encoding_format="float")
    same(len(floats.data[0].embedding), 64, "dimensions")
    assert all(abs(a - b) < 1e-6 for a, b in zip(floats.data[0].embedding, answer.data[0].embedding))


def responses(client):
    answer = client.responses.create(model="m", input="Say hello to the river.", instructions="Be short.")
    same(answer.status, "completed", "status")
    assert answer.output_text and answer.usage.output_tokens > 0
    kinds, text = [], ""
    for event in client.responses.create(model="m", input="Say hello to the river.", stream=True):
        kinds.append(event.type)
        text += event.delta if event.type == "response.output_text.delta" else ""
    same((kinds[0], kinds[-1]), ("response.created", "response.completed"), "events")
    assert text
    with client.responses.stream(model="m", input="Say hello to the river.") as stream:
        assert stream.get_final_response().output_text


def structured(client):
    """The SDK's own helper, with a schema of its making."""
    from pydantic import BaseModel

    class Town(BaseModel):
        name: str
        people: int

    answer = client.chat.completions.parse(model="m", messages=HELLO, response_format=Town)
    assert isinstance(answer.choices[0].message.parsed, Town)


def models(client):
    listed = [model.id for model in client.models.list()]
    same(sorted(listed), ["embed", "gpt-4o", "kept", "m"], "models")
    same(client.models.retrieve("m").id, "m", "model")


def headers(client):
    raw = client.chat.completions.with_raw_response.create(
        model="m", messages=HELLO, extra_headers={"x-request-id": "sdk-raw-1"}
    )
    same(raw.headers["x-request-id"], "sdk-raw-1", "request id")
    same(raw.headers["x-weir-endpoint"], "cloud", "endpoint")
    assert raw.parse().choices[0].message.content
    with client.chat.completions.with_streaming_response.create(model="m", messages=HELLO, stream=True) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert "usage" in stream.headers["x-weir-rewrites"], stream.headers["x-weir-rewrites"]
        lines = list(stream.iter_lines())
        assert "data: [DONE]" in lines
    mine = [row for row in received() if row["requestID"] == "sdk-raw-1"]
    same([row["attempt"] for row in mine], [raw.headers["x-weir-attempt"]], "attempts of one call")


with plain() as client:
    for part in (chat, chat_stream, tools, completions, embeddings, responses, structured, models, headers):
        part(client)
        print("ok", part.__name__)
