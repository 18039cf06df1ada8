package connectors

import (
	"time"

	"sluice/internal/strict"
)

// resources is the section of that name. A map has no order, but the document has: see connectorBuild.order.
type resources map[string]resourceEntry

type resourceEntry struct {
	Kind     string               `yaml:"kind" jsonschema:"required,enum=user,enum=group" jsonschema_description:"What its accounts are: people, or what people belong to."`
	Key      string               `yaml:"key" jsonschema:"required,minLength=1,example=.UID" jsonschema_description:"jq on a row: the vendor's own id, a text or a number."`
	FoldCase bool                 `yaml:"fold_case" jsonschema_description:"The vendor tells ids apart without case, as GUIDs are. They are kept in small letters, so that another spelling is no other account."`
	MaxAge   time.Duration        `yaml:"max_age" jsonschema:"minimum=1m,default=168h" jsonschema_description:"Where only changed accounts are read: how old the last full reading of any account may become."`
	Plans    map[string]planEntry `yaml:"plans" jsonschema:"required,minItems=1" jsonschema_description:"Ways to read it, by name; the first holds where a connection chooses none. All must give the same accounts."`
	Account  accountEntry         `yaml:"account" jsonschema:"required" jsonschema_description:"What becomes of a row with what joins and detail added to it."`
	Writes   []writeEntry         `yaml:"writes" jsonschema_description:"Calls through Sluice that change accounts of it, so that those are read again early."`
}

type planEntry struct {
	List   listEntry     `yaml:"list" jsonschema:"required" jsonschema_description:"The call that lists every account."`
	Joins  []joinEntry   `yaml:"joins" jsonschema_description:"Calls whose answers add to the rows of the list, each for every row of another resource or once."`
	Detail *requestEntry `yaml:"detail" jsonschema_description:"The call for one account, whose fields replace those of its row. Left out: list and joins give all there is."`
	If     string        `yaml:"if" jsonschema:"example=.NeedsDetail == true" jsonschema_description:"jq on a row with joins added: whether the account needs the call of detail. Left out: every one does."`
}

type requestEntry struct {
	Call  string         `yaml:"call" jsonschema:"required,minLength=1,example=GET /api/people/{key}" jsonschema_description:"METHOD /path, relative to the base URL. {key} is the key of the account, or of the row that a join is for."`
	Query map[string]any `yaml:"query" jsonschema_description:"Query parameters by name: a text, or {jq: PROGRAM} with $key, $row, $over or $page; a program that gives null leaves the parameter out."`
	Body  string         `yaml:"body" jsonschema:"example={AppName: $over.Name}" jsonschema_description:"jq that gives the JSON body, with the same variables."`
}

type listEntry struct {
	requestEntry `yaml:",inline"`
	Items        string       `yaml:"items" jsonschema:"minLength=1,default=." jsonschema_description:"jq on the answer's body: the array of rows."`
	Paging       *pagingEntry `yaml:"paging" jsonschema_description:"How the list goes on; the key is the style. Left out: one answer has all."`
	Empty        bool         `yaml:"empty" jsonschema_description:"A list without any row may be true. Else it is an error, because some vendors answer so to who lacks rights."`
}

type joinEntry struct {
	Over  string    `yaml:"over" jsonschema:"example=groups" jsonschema_description:"The resource for each of whose rows a call is made; its rows come from the list of its first plan. Left out: one call for all."`
	List  listEntry `yaml:"list" jsonschema:"required" jsonschema_description:"The call. {key} and $key are the key of the row of over, $over is that row."`
	Owner string    `yaml:"owner" jsonschema:"required,minLength=1,example=.UID" jsonschema_description:"jq on a row of the answer, with $over: the key of the account that it belongs to."`
	Add   string    `yaml:"add" jsonschema:"required,minLength=1,example={GroupIDs: [$over.ID]}" jsonschema_description:"jq on a row of the answer, with $over: an object that is added to the row of the account. Its arrays are appended to those of the same name, all else replaces."`
}

type accountEntry struct {
	Name         string            `yaml:"name" jsonschema:"required,minLength=1,example=.FullName" jsonschema_description:"jq: what people call it."`
	Active       string            `yaml:"active" jsonschema:"example=.IsActive" jsonschema_description:"jq: true or false. Left out: every account is active."`
	Attributes   string            `yaml:"attributes" jsonschema:"example={mail: .PrimaryEmail}" jsonschema_description:"jq: an object of texts, numbers, booleans, null, and lists of those."`
	Entitlements map[string]string `yaml:"entitlements" jsonschema_description:"By type, jq: a list of texts or numbers."`
}

type writeEntry struct {
	Match match  `yaml:"match" jsonschema:"required,example=PATCH /api/people/{uid}" jsonschema_description:"METHOD /path, relative to the base URL; or a list."`
	Key   string `yaml:"key" jsonschema:"example=uid" jsonschema_description:"The parameter of the path that is the account's key. Left out: the call does not say whom it changes."`
}

// pagingEntry is how a list goes on.
type pagingEntry struct {
	strict.Union `yaml:"-"`
	Link         *linkEntry   `yaml:"link" jsonschema_description:"By the URL in the Link header."`
	Cursor       *cursorEntry `yaml:"cursor" jsonschema_description:"By a text in the body that the next call sends along."`
	Offset       *offsetEntry `yaml:"offset" jsonschema_description:"By the number of the first row."`
	Page         *pageEntry   `yaml:"page" jsonschema_description:"By the number of the page."`
	URL          *urlEntry    `yaml:"url" jsonschema_description:"By a URL in the body."`
}

type linkEntry struct {
	Rel       string `yaml:"rel" jsonschema:"minLength=1,default=next" jsonschema_description:"The relation that is the next page."`
	sizeEntry `yaml:",inline"`
}

type cursorEntry struct {
	Next      string `yaml:"next" jsonschema:"required,minLength=1,example=.meta.next_cursor" jsonschema_description:"jq on the body: the next cursor. null or an empty text ends the list."`
	Param     string `yaml:"param" jsonschema:"example=cursor" jsonschema_description:"Query parameter that carries it. Left out: query or body use $page.cursor."`
	sizeEntry `yaml:",inline"`
}

type offsetEntry struct {
	Param     string `yaml:"param" jsonschema:"example=offset" jsonschema_description:"Query parameter that carries it. Left out: query or body use $page.offset."`
	First     int    `yaml:"first" jsonschema:"minimum=0,default=0" jsonschema_description:"Number of the first row of all."`
	sizeEntry `yaml:",inline"`
}

type pageEntry struct {
	Param     string `yaml:"param" jsonschema:"example=page" jsonschema_description:"Query parameter that carries it. Left out: query or body use $page.page."`
	First     int    `yaml:"first" jsonschema:"minimum=0,default=1" jsonschema_description:"Number of the first page."`
	sizeEntry `yaml:",inline"`
}

type urlEntry struct {
	Next      string `yaml:"next" jsonschema:"required,minLength=1,example=.links.next" jsonschema_description:"jq on the body: the URL of the next page. null or an empty text ends the list."`
	sizeEntry `yaml:",inline"`
}

// sizeEntry is what every style may say of its pages.
type sizeEntry struct {
	Size   int    `yaml:"size" jsonschema:"minimum=1" jsonschema_description:"Rows of a page. Left out: as many as the vendor gives, and a page without rows is the last."`
	SizeBy string `yaml:"size_by" jsonschema:"example=limit" jsonschema_description:"Query parameter that asks for size. Left out: nothing does, or query and body use $page.limit."`
	Total  string `yaml:"total" jsonschema:"example=.meta.total" jsonschema_description:"jq on the body: how many rows there are in all. A list that ends with fewer is not whole."`
}
