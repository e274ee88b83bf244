"""A real model behind Weir: plain, streamed, JSON bound by a grammar, and a forced tool."""

import json

from case import plain, same

MODEL = "smollm2"
# Small, since every token costs a slow machine time.
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"town": {"enum": ["Oslo", "Bern"]}}, "required": ["town"]},
    },
}


def ask(client, content, **options):
    return client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": content}], temperature=0, seed=1, **options
    )


def chat(client):
    answer = ask(client, "Name a river.", max_tokens=6)
    assert answer.choices[0].message.content, answer
    same(answer.usage.completion_tokens, 6, "completion tokens")
    assert answer.usage.prompt_tokens > 5, answer


def streamed(client):
    text, chunks = "", 0
    for chunk in ask(client, "Name a river.", max_tokens=6, stream=True):
        assert chunk.usage is None, chunk
        chunks += 1
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    assert text and chunks > 3, (text, chunks)
    last = list(ask(client, "Name a river.", max_tokens=6, stream=True, stream_options={"include_usage": True}))[-1]
    same(last.usage.completion_tokens, 6, "completion tokens")


def bound_by_a_grammar(client):
    schema = {
        "type": "object",
        "properties": {"river": {"enum": ["Rhine", "Loire"]}, "long": {"type": "boolean"}},
        "required": ["river", "long"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "river", "schema": schema, "strict": True}}
    answer = ask(client, "Name a river.", max_tokens=64, response_format=form)
    same(answer.choices[0].finish_reason, "stop", "finish reason")
    river = json.loads(answer.choices[0].message.content)
    same(sorted(river), ["long", "river"], "members")
    assert river["river"] in ("Rhine", "Loire") and isinstance(river["long"], bool), river


def forced_tool(client):
    answer = ask(client, "What is the weather in Oslo?", max_tokens=64, tools=[TOOL], tool_choice="required")
    call = answer.choices[0].message.tool_calls[0]
    same(call.function.name, "weather", "tool")
    assert json.loads(call.function.arguments)["town"] in ("Oslo", "Bern"), call


with plain() as client:
    for part in (chat, streamed, bound_by_a_grammar, forced_tool):
        part(client)
        print("ok", part.__name__)
