"""AsyncOpenAI with fifty calls at once, plain and streamed."""

import asyncio

import openai
from case import CALLS, KEY, TIMEOUT_SECONDS, received, same

CONCURRENCY = 50
CALLS_EACH = 4


async def caller(client, number):
    texts = []
    for turn in range(CALLS_EACH):
        messages = [{"role": "user", "content": f"Caller {number}, turn {turn}"}]
        name = {"x-request-id": f"async-{number}-{turn}"}
        if turn % 2:
            stream = await client.chat.completions.create(
                model="m", messages=messages, stream=True, extra_headers=name
            )
            text = ""
            async for chunk in stream:
                text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        else:
            answer = await client.chat.completions.create(model="m", messages=messages, extra_headers=name)
            text = answer.choices[0].message.content
        texts.append(text)
    return texts


async def main():
    client = openai.AsyncOpenAI(base_url=f"{CALLS}/v1", api_key=KEY, timeout=TIMEOUT_SECONDS, max_retries=0)
    async with client:
        texts = await asyncio.gather(*(caller(client, number) for number in range(CONCURRENCY)))
    assert all(text for each in texts for text in each)
    mine = [row for row in received() if (row["requestID"] or "").startswith("async-")]
    same(len(mine), CONCURRENCY * CALLS_EACH, "requests at the clouds")
    same({row["outcome"] for row in mine}, {"completed"}, "outcomes")


asyncio.run(main())
print("ok fifty at once")
