package teamdynamix

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"slices"
)

// importPeople answers POST people/import. The vendor queues the workbook and mails the outcome [S]; this one checks that
// it is a workbook, and changes nobody.
func (c *call) importPeople() {
	b, err := c.body()
	if err != nil {
		c.settle(0, nil, err)
		return
	}
	c.r.Body = io.NopCloser(bytes.NewReader(b))
	reader, err := c.r.MultipartReader()
	if err != nil {
		c.message(http.StatusUnsupportedMediaType, "The request must be multipart/form-data with an .xlsx file.")
		return
	}
	for {
		part, err := reader.NextPart()
		if err != nil {
			c.message(http.StatusBadRequest, "The request holds no .xlsx file.")
			return
		}
		content, err := io.ReadAll(part)
		if err == nil && workbook(content) {
			c.message(http.StatusOK, "The import has been queued.")
			return
		}
	}
}

// workbook tells whether b is a zip with the part that every Office file has.
func workbook(b []byte) bool {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	return err == nil && slices.ContainsFunc(z.File, func(f *zip.File) bool { return f.Name == "[Content_Types].xml" })
}
