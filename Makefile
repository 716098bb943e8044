# Each command sets up what it needs and does only what is not done yet.
# Another Python: make PYTHON=python3.13 book
PYTHON ?= python3
N ?= 5
BIN := .venv/bin

.PHONY: book notebooks pdf test coursework offline seeds sabotage calibration stall obstacles canary weigh lab lock format clean install

book: install  ## execute the chapters and build the site in _build/html; EDITION=student: without solutions
	@$(BIN)/python build_tools/book.py $(EDITION)

notebooks: book  ## make plain notebooks, and a zip of all with what they need
	@echo "The notebooks are in _build/notebooks, and all with their data in _build/partial-pooling.zip."

pdf: install  ## print the book into _build/partial-pooling.pdf
	@$(BIN)/python build_tools/pdf.py

test: book  ## run the whole test suite
	@$(BIN)/python -m pytest

coursework:  ## test the commands for teachers, on a class that tries everything
	@$(PYTHON) build_tools/install.py coursework
	@coursework/.venv/bin/python -m pytest coursework

offline: book  ## run the notebooks of the zip in an empty folder, without a network
	@$(BIN)/python trials/offline.py

seeds: install  ## test every claim with N other seeds: make seeds N=10
	@$(BIN)/python trials/seeds.py $(N)

sabotage: install  ## spoil the book in many ways, and see that the tests notice each
	@$(BIN)/python trials/sabotage.py

calibration: install  ## run the full calibration study: make calibration SCHEDULER=tcp://host:8786
	@$(BIN)/python data/calibrate.py $(if $(SCHEDULER),--scheduler $(SCHEDULER))

stall: install  ## run 400 cells that redraw what they show, and see that none stalls
	@PYTHONPATH=build_tools:coursework $(BIN)/python trials/stall.py

obstacles: install  ## see that a missing network, a full disk and Ctrl-C are met with a sentence
	@$(BIN)/python trials/obstacles.py

canary: install  ## try the newest versions that requirements.in allows
	@$(BIN)/python trials/canary.py

weigh: install  ## print what each page costs a reader, beside Jupyter Book's plain ones
	@PYTHONPATH=build_tools $(BIN)/python trials/weigh.py

lab: install  ## open the chapters as notebooks in JupyterLab
	@$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/chapters

lock: install  ## write both requirements.txt anew from requirements.in
	@$(BIN)/uv pip compile requirements.in --output-file requirements.txt \
		--universal --python-version 3.12 --generate-hashes --upgrade --quiet --custom-compile-command "make lock"
	@$(BIN)/uv pip compile coursework/requirements.in --output-file coursework/requirements.txt \
		--universal --python-version 3.12 --generate-hashes --upgrade --quiet --custom-compile-command "make lock"

format: install  ## format the code, in the chapters too, and mend what the linter can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/jupytext --pipe-fmt py:percent --pipe "$(BIN)/ruff format --line-length 80 -" \
		$$(grep -l "format_name: myst" chapters/*.md)

clean:  ## remove the site and the executed notebooks
	@rm -rf _build

install:
	@$(PYTHON) build_tools/install.py
