"""dashscope.Generation and MultiModalConversation, with nothing changed but the address and the key."""

import sys
from http import HTTPStatus

import dashscope
from case import CALLS, KEY, WEATHER, fault, same

dashscope.base_http_api_url = f"{CALLS}/api/v1"
dashscope.api_key = KEY
HELLO = [{"role": "user", "content": "Say hello to the river."}]
MODEL, ENDPOINT = sys.argv[1], sys.argv[2]


def ask(**more):
    return dashscope.Generation.call(**{"model": MODEL, "messages": HELLO, "result_format": "message", **more})


def plain():
    answer = ask()
    same(answer.status_code, HTTPStatus.OK, "status")
    choice = answer.output.choices[0]
    same(choice.finish_reason, "stop", "finish reason")
    assert choice.message.content and answer.request_id, answer
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0, answer.usage
    same(ask(max_tokens=1).output.choices[0].finish_reason, "length", "finish reason")
    text = dashscope.Generation.call(model=MODEL, prompt="Say hello to the river.")
    assert text.output.text, text


def streamed():
    last, seen = None, 0
    for last in ask(stream=True):
        same(last.status_code, HTTPStatus.OK, "status")
        seen += 1
    whole = last.output.choices[0].message.content
    assert seen > 2 and whole, last
    assert last.usage.output_tokens > 0
    pieces = [event.output.choices[0].message.content for event in ask(stream=True, incremental_output=True)]
    assert len(pieces) > 2 and "".join(pieces), pieces


def tools():
    forced = {"type": "function", "function": {"name": "weather"}}
    answer = ask(tools=[WEATHER], tool_choice=forced)
    call = answer.output.choices[0].message.tool_calls[0]
    same(call["function"]["name"], "weather", "tool")


def errors():
    answer = ask(model="qwen-99")
    same((answer.status_code, answer.code), (404, "weir_unknown_model"), "error")
    fault("status:400", ENDPOINT, 1)
    same(ask().status_code, 400, "status of the provider's error")
    answer = ask(api_key="weir_wrong")
    same((answer.status_code, answer.code), (401, "weir_key_refused"), "error")


def images():
    content = [{"image": "https://example.org/river.png"}, {"text": "What is this?"}]
    answer = dashscope.MultiModalConversation.call(model=MODEL, messages=[{"role": "user", "content": content}])
    same(answer.status_code, HTTPStatus.OK, "status")
    assert answer.output.choices[0].message.content[0]["text"], answer


if __name__ == "__main__":
    plain()
    streamed()
    tools()
    images()
    errors()
