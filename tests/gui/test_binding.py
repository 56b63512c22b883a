"""The binding itself: some releases of PySide6 give away references until the process dies."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from PySide6.QtCore import QObject, QRect, Signal
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication, QWidget

class Speaker(QObject):
    told = Signal(int)
    said = Signal(object)

class Page(QWidget):
    def paintEvent(self, event):
        painter = QPainter(self)
        painter.fillRect(event.rect(), QColor("red"))

app = QApplication([])
speaker, heard = Speaker(), [0]

def hear(number):
    heard[0] += 1

speaker.told.connect(hear)
page = Page()
page.resize(20, 20)
page.show()
image = QImage(20, 20, QImage.Format.Format_RGB32)
painter = QPainter(image)
for number in range(100_000):
    speaker.told.emit(number)
    speaker.said.emit(None)
    painter.fillRect(QRect(0, 0, 2, 2), QColor("blue"))
    painter.drawRect(1, 1, 2, 2)
    page.update()
painter.end()
for _ in range(1_000):
    page.repaint()
assert heard[0] == 100_000
print("alive")
"""


def test_painting_and_emitting_a_hundred_thousand_times_is_survived() -> None:
    """PySide6 6.12.0 on Python 3.11 aborts here."""
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False
    )

    assert result.stdout.strip() == "alive", result.stderr
    assert result.returncode == 0
