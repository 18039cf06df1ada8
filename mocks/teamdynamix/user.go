package teamdynamix

// listing is a UserListing: what userlist gives, and the head of every user [V: section People].
type listing struct {
	UID                    string
	ReferenceID            int
	UserName               string
	FirstName              string
	LastName               string
	FullName               string
	PrimaryEmail           string
	AlertEmail             string
	AuthenticationUserName string
	ExternalID             string
	AlternateID            string
	IsEmployee             bool
	IsActive               bool
	IsConfidential         bool
	TypeID                 int
	DefaultAccountID       int
}

// The user types that occur here [S].
const (
	typeUser     = 1
	typeCustomer = 2
)

// user is TeamDynamix.Api.Users.User [V: type page, S: XML list]. The vendor writes absent dates as .NET's year one.
type user struct {
	listing
	BEID                     string
	BEIDInt                  int
	MiddleName               string
	Salutation               string
	Nickname                 string
	DefaultAccountName       string
	AlternateEmail           string
	Applications             []string
	SecurityRoleName         string
	SecurityRoleID           string
	Permissions              []string
	OrgApplications          []orgApplication
	PrimaryPhone             string
	WorkPhone                string
	Pager                    string
	OtherPhone               string
	MobilePhone              string
	Fax                      string
	DefaultPriorityID        int
	DefaultPriorityName      string
	AboutMe                  string
	WorkAddress              string
	WorkCity                 string
	WorkState                string
	WorkZip                  string
	WorkCountry              string
	HomeAddress              string
	HomeCity                 string
	HomeState                string
	HomeZip                  string
	HomeCountry              string
	DefaultRate              float64
	CostRate                 float64
	WorkableHours            float64
	IsCapacityManaged        bool
	ReportTimeAfterDate      string
	EndDate                  string
	ShouldReportTime         bool
	ReportsToUID             string
	ReportsToFullName        string
	ResourcePoolID           int
	ResourcePoolName         string
	TZID                     int
	TZName                   string
	AuthenticationProviderID *int
	Attributes               []attribute
	Gender                   int
	IMProvider               string
	IMHandle                 string
	Company                  string
	Title                    string
	LocationID               int
	LocationName             string
	LocationRoomID           int
	LocationRoomName         string
	Birthday                 string
	ProfileImageFileName     string
	GroupIDs                 []int
}

// orgApplication is TeamDynamix.Api.Apps.UserApplication: a platform application with the role its holder has there.
type orgApplication struct {
	ID               int
	Name             string
	Description      string
	SystemClass      string
	SecurityRoleID   string
	SecurityRoleName string
	IsAdministrator  bool
	IsDefault        bool
}

// attribute is a custom attribute's value.
type attribute struct {
	ID        int
	Name      string
	Value     string
	ValueText string
}

// membership is a UserGroup [V].
type membership struct {
	GroupID    int
	GroupName  string
	IsPrimary  bool
	IsNotified bool
	IsManager  bool
}

// duty is a functional role that a person holds.
type duty struct {
	FunctionalRoleID   int
	FunctionalRoleName string
	IsPrimary          bool
}

// person is a user and what belongs to it. A stored one is never changed: writes put a changed copy in its place, so
// that a list being streamed stays what it was. Its slices are likewise replaced, not written into.
type person struct {
	user
	groups []membership
	duties []duty
}
