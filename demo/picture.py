"""
Runs the demo and draws what it prints: ``python demo/picture.py docs/_static/demo.svg``.
"""

import subprocess
import sys
from html import escape
from pathlib import Path

WIDTH, LINE, MARGIN = 760, 18, 16
BEFORE = f"""<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="%d" role="img" \
aria-label="What make demo prints">
<rect width="100%%" height="100%%" rx="6" fill="#1e2127"/>
<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="13" fill="#d7dae0" \
xml:space="preserve">
"""


def lines_of(output: str) -> list[str]:
    """What is left on the screen: a bar that was drawn over leaves nothing."""
    return [line.rsplit("\r", 1)[-1] for line in output.strip("\r\n").split("\n")]


def draw(lines: list[str]) -> str:
    """The lines as SVG; headings, which begin at the left, are bold."""
    drawn = []
    for number, line in enumerate(["$ make demo", "", *lines], 1):
        weight = ' font-weight="bold"' if line[:1].strip() else ""
        y = MARGIN + LINE * number
        drawn.append(f'<text x="{MARGIN}" y="{y}"{weight}>{escape(line)}</text>\n')
    return BEFORE % (MARGIN * 2 + LINE * (len(lines) + 3)) + "".join(drawn) + "</g>\n</svg>\n"


def main() -> None:
    """Draw it into the file that was named."""
    demo = Path(__file__).with_name("demo.py")
    done = subprocess.run([sys.executable, demo], capture_output=True, text=True, check=True)
    Path(sys.argv[1]).write_text(draw(lines_of(done.stdout)))


if __name__ == "__main__":
    main()
