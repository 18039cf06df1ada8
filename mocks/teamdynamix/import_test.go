package teamdynamix_test

import (
	"archive/zip"
	"bytes"
	"mime/multipart"
	"net/http/httptest"
	"testing"
)

// workbook is the least that is an .xlsx from the outside.
func workbook(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if _, err := z.Create("[Content_Types].xml"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sendFile posts an import and returns its status.
func sendFile(c *client, content []byte) int {
	c.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, err := form.CreateFormFile("file", "people.xlsx")
	if err != nil {
		c.Fatal(err)
	}
	_, _ = part.Write(content)
	_ = form.Close()
	r := httptest.NewRequestWithContext(c.Context(), "POST", c.base+"/api/people/import?AllowIsActiveChanges=true", &b)
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Authorization", "Bearer "+c.token)
	w := httptest.NewRecorder()
	c.vendor.ServeHTTP(w, r)
	return w.Code
}
