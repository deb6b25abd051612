"""Several processes that serve as one: a parent that watches over them, and what goes between it and them."""

from service.workers.parent import Parent

__all__ = ["Parent"]
