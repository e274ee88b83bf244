"""volcenginesdkarkruntime.Ark(base_url=…): chat plain and streamed, tools, embeddings, errors."""

import sys

from case import CALLS, HELLO, KEY, TIMEOUT_SECONDS, WEATHER, fault, raises, same
from volcenginesdkarkruntime import Ark
from volcenginesdkarkruntime._exceptions import ArkAPIError, ArkAuthenticationError, ArkNotFoundError

MODEL, ENDPOINT = sys.argv[1], sys.argv[2]


def client(key=KEY):
    return Ark(base_url=f"{CALLS}/v1", api_key=key, timeout=TIMEOUT_SECONDS, max_retries=0)


def chat(weir):
    answer = weir.chat.completions.create(model=MODEL, messages=HELLO)
    same(answer.choices[0].finish_reason, "stop", "finish reason")
    assert answer.choices[0].message.content and answer.usage.completion_tokens > 0, answer
    text = ""
    for chunk in weir.chat.completions.create(model=MODEL, messages=HELLO, stream=True):
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    assert text
    forced = {"type": "function", "function": {"name": "weather"}}
    answer = weir.chat.completions.create(model=MODEL, messages=HELLO, tools=[WEATHER], tool_choice=forced)
    same(answer.choices[0].message.tool_calls[0].function.name, "weather", "tool")
    image = {"type": "image_url", "image_url": {"url": "https://example.org/river.png"}}
    content = [image, {"type": "text", "text": "What is this?"}]
    assert weir.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}]).choices


def errors(weir):
    def ask(weir, model=MODEL):
        return weir.chat.completions.create(model=model, messages=HELLO)

    same(raises(ArkNotFoundError, lambda: ask(weir, "doubao-99")).code, "weir_unknown_model", "code")
    raises(ArkAuthenticationError, lambda: ask(client("weir_wrong")))
    fault("status:400", ENDPOINT, 1)
    same(raises(ArkAPIError, lambda: ask(weir)).status_code, 400, "status of the provider's error")


if __name__ == "__main__":
    chat(client())
    errors(client())
