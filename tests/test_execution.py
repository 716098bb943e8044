"""One execution serves all: what is executed again, and what is not, when something changes."""

import asyncio
import errno
import importlib.util
import json
import select
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import execution
import pytest
import zmq.asyncio
from execution import (
    ROOT,
    BookError,
    execute_chapters,
    executed_chapters,
    open_cache,
    read_chapters,
)
from jupyter_client import AsyncKernelManager

CHAPTER = """---
jupytext: {{text_representation: {{extension: .md, format_name: myst}}}}
kernelspec: {{name: python3, display_name: Python 3}}
---

# {title}

```{{code-cell}} ipython3
:tags: [remove-cell]
from myst_nb import glue
glue("answer", {answer}, display=False)
```
"""


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.fixture(scope="module")
def executed_book(tmp_path_factory):
    """Return a copy of the book with two small chapters, one of which reads radon.csv, executed."""
    root = tmp_path_factory.mktemp("book")
    shutil.copytree(ROOT / "data", root / "data")
    shutil.copy(ROOT / "requirements.txt", root)
    (root / "chapters").mkdir()
    reads = 'len(open("../data/radon.csv").read())'
    (root / "chapters/radon.md").write_text(CHAPTER.format(title="Radon", answer=reads))
    (root / "chapters/fake.md").write_text(CHAPTER.format(title="Fake", answer="6 * 7"))
    (root / "chapters/words.md").write_text("# A page without code\n")
    assert sorted(execute_chapters(root)) == ["fake", "radon"]
    return root


@pytest.fixture
def book(executed_book, tmp_path):
    """Return a copy of that book, with its cache, to change."""
    return shutil.copytree(executed_book, tmp_path / "book")


def test_nothing_is_executed_twice(book):
    assert execute_chapters(book) == []


def test_changed_prose_executes_nothing(book):
    edit(book / "chapters/radon.md", "# Radon", "# Radon, in other words")
    assert execute_chapters(book) == []
    assert "other words" in executed_chapters(book)["radon"].cells[0].source


def test_changed_caption_executes_nothing_and_is_shown(book):
    edit(book / "chapters/radon.md", ":tags: [remove-cell]", ":tags: [remove-cell, new]")
    assert execute_chapters(book) == []
    assert executed_chapters(book)["radon"].cells[1].metadata.tags == ["remove-cell", "new"]
    cache = open_cache(book)
    record = cache.match_cache_notebook(read_chapters(book)["radon"])
    assert "language_info" in cache.get_cache_bundle(record.pk).nb.metadata
    assert execute_chapters(book) == []


def test_changed_code_executes_its_chapter_alone(book):
    edit(book / "chapters/fake.md", "6 * 7", "6 * 8")
    assert execute_chapters(book) == ["fake"]
    assert json.loads((book / "_build/claims.json").read_text())["fake"] == {"answer": 48}


def test_line_that_moves_to_another_cell_executes_its_chapter(book):
    edit(
        book / "chapters/fake.md", "import glue\n", "import glue\n```\n\n```{code-cell} ipython3\n"
    )
    assert execute_chapters(book) == ["fake"]


def test_record_without_its_file_is_executed_again(book):
    shutil.rmtree(book / "_build/.jupyter_cache/executed")
    assert sorted(execute_chapters(book)) == ["fake", "radon"]


def test_changed_value_in_the_data_executes_the_chapters_that_read_it(book):
    edit(book / "data/radon.csv", "5081,AITKIN,1,no,2.2", "5081,AITKIN,1,no,2.25")
    before = json.loads((book / "_build/claims.json").read_text())["radon"]["answer"]
    assert execute_chapters(book) == ["radon"]
    assert json.loads((book / "_build/claims.json").read_text())["radon"]["answer"] == before + 1


def test_changed_pin_in_the_lock_executes_everything(book):
    edit(book / "requirements.txt", "numpy==", "numpy==1")
    assert sorted(execute_chapters(book)) == ["fake", "radon"]


def test_change_that_is_taken_back_costs_nothing(book):
    edit(book / "chapters/fake.md", "6 * 7", "6 * 8")
    execute_chapters(book)
    edit(book / "chapters/fake.md", "6 * 8", "6 * 7")
    assert execute_chapters(book) == []


def test_damaged_data_stop_the_book_with_file_line_and_column(book):
    edit(book / "data/radon.csv", "5083,AITKIN,0,yes,2.9", "5083,AITKIN,0,yes,much")
    with pytest.raises(BookError, match="data/radon.csv, line 4, column activity: 'much' is not"):
        execute_chapters(book)


def test_missing_data_stop_the_book(book):
    (book / "data/radon.csv").unlink()
    with pytest.raises(BookError, match="data/radon.csv cannot be read"):
        execute_chapters(book)


def test_failing_cell_is_named_and_other_chapters_are_kept(book):
    edit(book / "chapters/fake.md", "6 * 7", "6 * seven")
    edit(book / "chapters/radon.md", "len(", "-len(")
    message = "chapters/fake.md, code cell 1 .line 8. fails with NameError: name 'seven'"
    with pytest.raises(BookError, match=message):
        execute_chapters(book)
    edit(book / "chapters/fake.md", "6 * seven", "42")
    assert execute_chapters(book) == ["fake"]


def test_dead_kernel_is_named(book):
    edit(book / "chapters/fake.md", "6 * 7", "__import__('os')._exit(1)")
    with pytest.raises(BookError, match=r"chapters/fake.md, code cell 1 .line 8. fails with Dead"):
        execute_chapters(book)


def test_unknown_kernel_is_named(book):
    edit(book / "chapters/fake.md", "name: python3", "name: python4")
    edit(book / "chapters/fake.md", "6 * 7", "6 * 8")
    with pytest.raises(BookError, match="chapters/fake.md asks for the kernel python4, which does"):
        execute_chapters(book)


def test_full_disk_is_named_and_leaves_nothing_half_written(book, monkeypatch):
    edit(book / "chapters/fake.md", "6 * 7", "6 * 8")
    write_text = Path.write_text

    def write_half(path, text, **options):
        write_text(path, text[: len(text) // 2], **options)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", write_half)
    with pytest.raises(BookError, match=f"disk is full: nothing more fits into {book / '_build'}"):
        execute_chapters(book)
    monkeypatch.undo()
    assert execute_chapters(book) == ["fake"]


@pytest.mark.parametrize(
    ("seconds", "order"),
    [
        ({"fake": 9, "radon": 1}, ["fake", "radon"]),
        ({"fake": 1, "radon": 9}, ["radon", "fake"]),
        ({}, ["radon", "fake"]),  # by the length of their code
    ],
)
def test_longest_chapter_comes_first(book, monkeypatch, seconds, order):
    shutil.rmtree(book / "_build")
    chapters, begun = read_chapters(book), []
    for name, value in seconds.items():
        execution.store(chapters[name], f"{name}.md", {"execution_seconds": value}, book)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    monkeypatch.setattr(execution, "execute", lambda name, *rest: begun.append(name) or 0.0)
    execute_chapters(book)
    assert begun == order


def test_result_that_is_no_plain_value_is_refused(book):
    edit(book / "chapters/fake.md", "6 * 7", "object()")
    with pytest.raises(BookError, match="chapters/fake.md glues answer as <object"):
        execute_chapters(book)


def test_every_chapter_of_the_book_is_executed():
    assert executed_chapters().keys() == read_chapters().keys() >= {"radon-data", "pooling"}


def load_runner():
    """Return coursework/runner.py, which is no module of the book's."""
    spec = importlib.util.spec_from_file_location("runner", ROOT / "coursework" / "runner.py")
    runner = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runner)
    return runner


@pytest.mark.parametrize("program", [execution, load_runner()], ids=["book", "coursework"])
def test_reply_that_comes_before_a_message_is_sent_wakes_who_waits_for_it(program):
    client = AsyncKernelManager(config=program.CLIENT_CONFIG).client()
    message = client.session.msg("kernel_info_request")

    async def wait_and_send():
        with zmq.asyncio.Context() as context, zmq.Context() as kernels:
            kernel = kernels.socket(zmq.PAIR)
            port = kernel.bind_to_random_port("tcp://127.0.0.1")
            socket = context.socket(zmq.PAIR)
            socket.connect(f"tcp://127.0.0.1:{port}")
            channel = client.shell_channel_class(socket, client.session)
            try:
                channel.send(message)
                waiting = asyncio.create_task(channel.get_msg())
                await asyncio.sleep(0.1)
                # From here on the loop of events does not run: the reply comes unseen.
                client.session.send(kernel, message)
                assert select.select([socket.FD], [], [], 10)[0]
                time.sleep(0.1)  # ZeroMQ looks for news at most once a millisecond
                channel.send(message)
                assert not select.select([socket.FD], [], [], 0)[0]  # the sign is gone
                reply = await asyncio.wait_for(waiting, timeout=10)
                assert reply["msg_type"] == "kernel_info_request"
            finally:
                socket.close(linger=0)
                kernel.close(linger=0)

    with ThreadPoolExecutor() as elsewhere:  # this thread may have a browser's loop of events
        elsewhere.submit(asyncio.run, wait_and_send()).result()
