"""The names by which twistd finds the two services; the services themselves are loaded on use."""

from twisted.application.service import ServiceMaker

upload = ServiceMaker(
    "txresumable uploader",
    "txresumable._cli.tap",
    "Upload files in resumable chunks, then exit.",
    "resumable-upload",
)

receive = ServiceMaker(
    "txresumable receiver",
    "txresumable.receiver.tap",
    "Receive files that resumable.js, or txresumable, uploads in chunks.",
    "resumable-receive",
)
