"""AzureOpenAI(azure_endpoint=…, api_version=…): dated paths, the key in `api-key`; and Azure's v1 paths."""

import openai
from case import CALLS, HELLO, KEY, TIMEOUT_SECONDS, WEATHER, Counter, azure, fault, raises, same


def chat(client):
    answer = client.chat.completions.create(model="gpt-4o", messages=HELLO)
    same(answer.choices[0].finish_reason, "stop", "finish reason")
    assert answer.usage.prompt_tokens > 0
    text, usages = "", 0
    for chunk in client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True):
        usages += chunk.usage is not None
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    assert text
    same(usages, 0, "usage events that nobody asked for")
    chunks = list(
        client.chat.completions.create(
            model="gpt-4o", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].usage.total_tokens > 0


def tools(client):
    answer = client.chat.completions.create(
        model="gpt-4o", messages=HELLO, tools=[WEATHER], tool_choice="required"
    )
    same(answer.choices[0].message.tool_calls[0].function.name, "weather", "tool")


def embeddings(client):
    same(len(client.embeddings.create(model="embed", input="one river").data[0].embedding), 64, "dimensions")


def errors(client):
    error = raises(
        openai.NotFoundError, lambda: client.chat.completions.create(model="never-deployed", messages=HELLO)
    )
    same(error.code, "weir_unknown_model", "code")
    refused = azure("2024-10-21", key="weir_wrong")
    raises(openai.AuthenticationError, lambda: refused.chat.completions.create(model="gpt-4o", messages=HELLO))


def content_filter(client):
    """A blocked prompt is the SDK's own error, a blocked answer a finish reason, and late notes are chunks like others."""

    def ask(**more):
        return client.chat.completions.create(model="gpt-4o", messages=HELLO, **more)

    fault("filter-prompt", "azure", 1)
    error = raises(openai.BadRequestError, ask)
    same(error.code, "content_filter", "code")
    same(error.body["innererror"]["code"], "ResponsibleAIPolicyViolation", "inner code")
    fault("filter-output", "azure", 1)
    same(ask().choices[0].finish_reason, "content_filter", "finish reason")
    fault("filter-late", "azure", 1)
    choices = [choice for chunk in ask(stream=True) for choice in chunk.choices]
    same(choices[-1].finish_reason, "content_filter", "late finish reason")
    assert any(getattr(choice, "content_filter_offsets", None) for choice in choices), "no note of the asynchronous filter"


def versions(client):
    """Weir speaks its own version to the endpoint, whatever the caller's."""
    preview = azure("2025-04-01-preview")
    assert preview.chat.completions.create(model="gpt-4o", messages=HELLO).choices[0].message.content


def version_one(client):
    one = openai.OpenAI(base_url=f"{CALLS}/openai/v1", api_key=KEY, timeout=TIMEOUT_SECONDS)
    assert one.chat.completions.create(model="gpt-4o", messages=HELLO).choices[0].message.content
    assert one.responses.create(model="gpt-4o", input="Say hello.").output_text


counter = Counter()
with azure("2024-10-21", http_client=counter.client()) as client:
    for part in (chat, tools, embeddings, errors, content_filter, versions, version_one):
        part(client)
        print("ok", part.__name__)
# Nothing was tried twice.
same(counter.requests, 9, "requests")
