"""PyPI's ``django-resumable``: absent chunks are 404, and a finished file is beside its chunks."""

# mypy: ignore-errors
from __future__ import annotations

from django_site import configure, csrf_headers, serve
from report import folders

(stored,) = folders("stored")
configure(stored.parent, apps=["resumable"], FILE_UPLOAD_TEMP_DIR=str(stored))

from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import ensure_csrf_cookie  # noqa: E402
from resumable.views import ResumableUploadView  # noqa: E402


@ensure_csrf_cookie
def page(request):
    """Any page that sets the cookie."""
    return HttpResponse("a page")


urlpatterns = [path("upload/", ResumableUploadView.as_view()), path("upload/page/", page)]

if __name__ == "__main__":
    serve(headers=csrf_headers())
