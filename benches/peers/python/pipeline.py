"""The pipeline of benches/common/stages.rs with pydantic-ai: pipeline.py URL DOCUMENTS.

Route, clean, review with one rework, name; 64 documents under way; each result written to a file and
renamed. Nothing is validated beyond the types, recorded or kept for a resumption.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

AT_ONCE = 64


class Route(BaseModel):
    route: str
    confidence: float


class Cleaned(BaseModel):
    processed_text: str


class Review(BaseModel):
    approved: bool
    issues: list[str]


class Name(BaseModel):
    file_slug: str
    extension: str


def text_of(number: int) -> str:
    mark = "needs-rework" if number % 10 == 0 else "plain"
    paragraph = "Walk to the end of the eastern pier and look for the white staff with black marks. " * 12
    return f"Document {number} ({mark}). {paragraph}"


class Pipeline:
    def __init__(self, base_url: str, output: Path) -> None:
        model = OpenAIChatModel("gpt-5-mini", provider=OpenAIProvider(base_url=base_url, api_key="q8Zr2LmX0vTn4BwY"))

        def agent(answer: type[BaseModel], prompt: str) -> Agent:
            return Agent(model, output_type=NativeOutput(answer, strict=True), system_prompt=prompt)

        self.router = agent(Route, "You are the router. Say whether a document is markdown or a notebook.")
        self.cleaner = agent(
            Cleaned,
            "You are the cleaner. Take navigation, advertisements and repetitions out of a document, and keep all else.",
        )
        self.reviewer = agent(
            Review,
            "You are the reviewer. Compare a document with what became of it, and approve it or say what is wrong.",
        )
        self.namer = agent(Name, "You are the namer. Find a short file name for a document, and its extension.")
        self.output = output
        self.calls = 0

    async def ask(self, agent: Agent, prompt: str):
        self.calls += 1
        return (await agent.run(prompt)).output

    async def document(self, number: int) -> None:
        text = text_of(number)
        route = await self.ask(self.router, text)
        assert route.route == "markdown"
        cleaned = await self.ask(self.cleaner, text)
        for cycle in range(3):
            review = await self.ask(self.reviewer, f"Document:\n{text}\n\nResult:\n{cleaned.processed_text}")
            if review.approved:
                break
            assert cycle < 2
            cleaned = await self.ask(self.cleaner, f"{text}\n\nFeedback: {' '.join(review.issues)}")
        name = await self.ask(self.namer, cleaned.processed_text)
        target = self.output / f"{name.file_slug}-{number}.{name.extension}"
        partial = target.with_suffix(".partial")
        partial.write_text(cleaned.processed_text)
        os.replace(partial, target)

    async def run(self, documents: int) -> None:
        waiting = iter(range(documents))

        async def work() -> None:
            for number in waiting:
                await self.document(number)

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))


def main() -> None:
    base_url, documents = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        pipeline = Pipeline(base_url, Path(folder))
        asyncio.run(pipeline.run(documents))
    print(f"{pipeline.calls} calls")


if __name__ == "__main__":
    main()
