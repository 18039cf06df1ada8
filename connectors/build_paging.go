package connectors

// The styles of paging, as the file names them; pagingNone where it names none.
const (
	pagingNone   = "none"
	pagingLink   = "link"
	pagingCursor = "cursor"
	pagingOffset = "offset"
	pagingPage   = "page"
	pagingURL    = "url"
)

// paging compiles how a list goes on. That exactly one style is there has been checked by the decoder.
func (b *connectorBuild) paging(key string, e *pagingEntry, of *Request) Paging {
	if e == nil {
		return Paging{Style: pagingNone}
	}
	var made Paging
	var size sizeEntry
	var next string
	switch {
	case e.Link != nil:
		made, size = Paging{Style: pagingLink, Rel: e.Link.Rel}, e.Link.sizeEntry
	case e.Cursor != nil:
		made, size, next = Paging{Style: pagingCursor, Param: e.Cursor.Param}, e.Cursor.sizeEntry, e.Cursor.Next
	case e.Offset != nil:
		made, size = Paging{Style: pagingOffset, Param: e.Offset.Param, First: e.Offset.First}, e.Offset.sizeEntry
	case e.Page != nil:
		made, size = Paging{Style: pagingPage, Param: e.Page.Param, First: e.Page.First}, e.Page.sizeEntry
	case e.URL != nil:
		made, size, next = Paging{Style: pagingURL}, e.URL.sizeEntry, e.URL.Next
	default:
		return Paging{Style: pagingNone}
	}
	key = joinKey(key, made.Style)
	made.Size, made.SizeBy = size.Size, size.SizeBy
	made.Next = b.program(key+".next", next, nil, nil)
	made.Total = b.program(key+".total", size.Total, nil, nil)
	if made.SizeBy != "" && made.Size == 0 {
		b.fault(key+".size", "is required beside size_by: how many rows to ask for")
	}
	if made.SizeBy != "" && of.Query[made.SizeBy] != nil {
		b.fault(key+".size_by", "%q stands under query too: remove one", made.SizeBy)
	}
	switch made.Style {
	case pagingCursor, pagingOffset, pagingPage:
		b.turns(key, &made, of)
	}
	return made
}

// turns refuses a list that asks for the same page each time.
func (b *connectorBuild) turns(key string, p *Paging, of *Request) {
	if p.Param != "" && of.Query[p.Param] != nil {
		b.fault(key+".param", "%q stands under query too: remove one", p.Param)
	}
	if p.Param == "" && !of.mentions("$page") {
		b.fault(key+".param", "is required: the query parameter that carries it, unless query or body use $page.%s", p.Style)
	}
}
