"""PyPI's ``django-resumable``: absent chunks are 404, and a finished file is beside its chunks."""

# mypy: ignore-errors
from __future__ import annotations

from django_site import configure, csrf_headers, serve
from report import folders

(stored,) = folders("stored")
configure(stored.parent, apps=["resumable"], FILE_UPLOAD_TEMP_DIR=str(stored))

from django.urls import path  # noqa: E402
from resumable.views import ResumableUploadView  # noqa: E402

urlpatterns = [path("upload/", ResumableUploadView.as_view())]

if __name__ == "__main__":
    serve(headers=csrf_headers())
