"""epolltop: top for epoll instances and event loops on Linux."""

__version__ = "0.1.0"
