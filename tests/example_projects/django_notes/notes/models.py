"""The data: notes, which belong to a user."""

from django.conf import settings
from django.db import models
from django.urls import reverse


class Note(models.Model):
    """A note of one user, which nobody else sees."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notes")
    title = models.CharField(max_length=100)
    text = models.TextField(blank=True)
    written = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self):
        return self.title

    def get_absolute_url(self):
        """Return the path of the note."""
        return reverse("notes:note", args=(self.pk,))
