"""
PyPI's ``django-resumable-async-upload``: absent chunks are 204.

Users must be logged in, and parameters name the field that a file is for.
"""

# mypy: ignore-errors
from __future__ import annotations

from django_site import configure, csrf_headers, serve
from report import folders

stored, chunks = folders("stored", "chunks")
configure(
    stored.parent,
    apps=["django_resumable_async_upload"],
    middleware=["django.contrib.auth.middleware.AuthenticationMiddleware"],
    MEDIA_ROOT=str(chunks),
    STORAGES={
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(stored)},
        }
    },
)

from django.contrib.auth.models import User  # noqa: E402
from django.contrib.contenttypes.models import ContentType  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import models  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import include, path  # noqa: E402
from django_resumable_async_upload.models import AsyncFileField  # noqa: E402


class Document(models.Model):
    """Something with a file."""

    file = AsyncFileField()

    class Meta:
        app_label = "django_resumable_async_upload"


urlpatterns = [path("", include("django_resumable_async_upload.urls"))]

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    browser = Client()
    browser.force_login(User.objects.get_or_create(username="somebody")[0])
    serve(
        headers=csrf_headers(sessionid=browser.cookies["sessionid"].value),
        query={
            "content_type_id": str(ContentType.objects.get_for_model(Document).pk),
            "field_name": "file",
        },
    )
