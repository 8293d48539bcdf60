"""Files that a browser shows, and that nobody keeps."""

from litestar import Response

PDF = "application/pdf"


def inline_file(content: bytes, name: str, media_type: str = PDF) -> Response[bytes]:
    """The file under that name, in ASCII without quotation marks."""
    headers = {"Content-Disposition": f'inline; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, status_code=200, media_type=media_type, headers=headers)
