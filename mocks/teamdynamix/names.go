package teamdynamix

// The words of which the population is made.

var firstNames = []string{
	"Aaliyah", "Abel", "Ada", "Aiko", "Alejandro", "Amara", "Amir", "Anders", "Anjali", "Avery", "Beatriz", "Benedict",
	"Bjorn", "Camille", "Chidi", "Chloe", "Dana", "Darius", "Desmond", "Diego", "Elena", "Elias", "Emeka", "Esther",
	"Fatima", "Felix", "Finn", "Freya", "Gabriel", "Grace", "Hana", "Hugo", "Ibrahim", "Ines", "Ivan", "Jamal", "Jia",
	"Jonas", "Josephine", "Kai", "Katya", "Kwame", "Lars", "Leila", "Lin", "Lucia", "Malik", "Maren", "Mateo", "Mei",
	"Nadia", "Noor", "Oksana", "Omar", "Pedro", "Priya", "Quinn", "Rosa", "Samir", "Sigrid", "Tariq", "Uma", "Wei", "Zoe",
}

var lastNames = []string{
	"Abara", "Achterberg", "Adeyemi", "Almeida", "Andersen", "Aoki", "Baptiste", "Bauer", "Bianchi", "Blackwood", "Castillo",
	"Chandra", "Chen", "Costa", "Dalgaard", "Delacroix", "Diallo", "Dubois", "Eriksen", "Falk", "Ferreira", "Fischer",
	"Fontaine", "Garcia", "Gupta", "Haddad", "Hansen", "Hernandez", "Hoffmann", "Ito", "Ivanova", "Jankowski", "Jensen",
	"Kaplan", "Khan", "Kim", "Kowalski", "Larsen", "Lindqvist", "Lopez", "Mbeki", "Mehta", "Moreau", "Mueller", "Nakamura",
	"Nguyen", "Novak", "Okafor", "Olsen", "Park", "Petrov", "Quispe", "Rahman", "Rossi", "Sato", "Schmidt", "Silva",
	"Singh", "Tanaka", "Torres", "Ueda", "Vargas", "Weber", "Yamamoto",
}

// standardApplications are the 14 of the default; more are numbered.
var standardApplications = []string{
	"MyWork", "TDKnowledgeBase", "TDTickets", "TDTimeExpense", "TDProjects", "TDCommunity", "TDNews", "TDPeople", "TDAssets",
	"TDChat", "TDResourceManagement", "TDAnalysis", "TDPortfolios", "TDFinance",
}

// platformApplications hold a role per person, in User.OrgApplications.
var platformApplications = []struct{ name, class, about string }{
	{"IT Tickets", "TDTickets", "Incidents and requests of the IT service desk"},
	{"Facilities Tickets", "TDTickets", "Work orders for buildings and grounds"},
	{"IT Assets", "TDAssets", "Computers, licences and contracts"},
}

var roleNames = []string{
	"Student Worker", "Technician", "Staff", "Faculty", "Reporting", "Project Lead", "Service Owner", "Enterprise Administrator",
}

var accountNames = []string{
	"Admissions", "Anthropology", "Athletics", "Biology", "Bursar", "Chemistry", "Computer Science", "Dining", "Economics",
	"Facilities", "Finance", "Geology", "Health Center", "History", "Housing", "Human Resources", "Information Technology",
	"Law School", "Library", "Mathematics", "Music", "Nursing", "Physics", "Provost", "Registrar",
}

var groupNames = []string{
	"Service Desk", "Desktop Support", "Network Operations", "Identity Team", "Systems", "Database Team", "Web Team", "Security Office",
	"Classroom Technology", "Research Computing", "Change Advisory Board", "Approvers", "Procurement", "Field Technicians",
	"Telephony", "Lab Managers",
}

var dutyNames = []string{
	"Analyst", "Architect", "Business Analyst", "Database Administrator", "Developer", "Help Desk", "Network Engineer",
	"Project Manager", "Quality Assurance", "Security Engineer", "Systems Administrator", "Trainer",
}

var titles = []string{
	"Student Assistant", "Support Technician", "Analyst", "Senior Analyst", "Associate Professor", "Lecturer", "Coordinator",
	"Director", "Research Fellow", "Office Manager",
}

var cities = []string{"Ashford", "Brookfield", "Cedar Hill", "Dunmore", "Eastvale", "Fairhaven"}
