package grafana

// Dashboard is a dashboard in Grafana's classic JSON.
type Dashboard struct {
	UID           string     `json:"uid"`
	Title         string     `json:"title"`
	Description   string     `json:"description"`
	Tags          []string   `json:"tags"`
	Editable      bool       `json:"editable"`
	GraphTooltip  int        `json:"graphTooltip"` // 1: a crosshair in all panels
	SchemaVersion int        `json:"schemaVersion"`
	Refresh       string     `json:"refresh"`
	Timezone      string     `json:"timezone"`
	Time          Span       `json:"time"`
	Links         []Link     `json:"links"`
	Templating    Templating `json:"templating"`
	Annotations   Marks      `json:"annotations"`
	Panels        []*Panel   `json:"panels"`
}

// Span is a range of time, as in now-1h.
type Span struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Link leads to the other dashboards.
type Link struct {
	Title       string   `json:"title"`
	Type        string   `json:"type"`
	Tags        []string `json:"tags"`
	Icon        string   `json:"icon"`
	Tooltip     string   `json:"tooltip"`
	URL         string   `json:"url"`
	AsDropdown  bool     `json:"asDropdown"`
	IncludeVars bool     `json:"includeVars"`
	KeepTime    bool     `json:"keepTime"`
	TargetBlank bool     `json:"targetBlank"`
}

// Templating holds the variables.
type Templating struct {
	List []Variable `json:"list"`
}

// Variable is what is chosen at the top of a dashboard.
type Variable struct {
	Name        string  `json:"name"`
	Label       string  `json:"label"`
	Description string  `json:"description"`
	Type        string  `json:"type"`
	Datasource  *Source `json:"datasource,omitempty"`
	Query       any     `json:"query"`
	Refresh     int     `json:"refresh,omitempty"` // 2: when the range of time changes
	Sort        int     `json:"sort,omitempty"`    // 1: by name
}

// Marks are the events that are drawn into all panels.
type Marks struct {
	List []Mark `json:"list"`
}

// Mark is one kind of events.
type Mark struct {
	Name        string `json:"name"`
	Enable      bool   `json:"enable"`
	IconColor   string `json:"iconColor"`
	Datasource  Source `json:"datasource"`
	Expr        string `json:"expr"`
	TitleFormat string `json:"titleFormat"`
	TextFormat  string `json:"textFormat"`
	Step        string `json:"step"`
}

// Source is a data source.
type Source struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// Panel is a panel, or a row of them.
type Panel struct {
	ID          int            `json:"id"`
	Type        string         `json:"type"`
	Title       string         `json:"title"`
	Description string         `json:"description,omitempty"`
	GridPos     Place          `json:"gridPos"`
	Datasource  *Source        `json:"datasource,omitempty"`
	Targets     []Target       `json:"targets,omitempty"`
	FieldConfig *Fields        `json:"fieldConfig,omitempty"`
	Options     map[string]any `json:"options,omitempty"`
	Transforms  []Transform    `json:"transformations,omitempty"`
	Collapsed   *bool          `json:"collapsed,omitempty"` // of a row
	Panels      []*Panel       `json:"panels,omitzero"`     // of a collapsed row
}

// Place is where a panel is, in a grid of 24 columns.
type Place struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

// Target is a query.
type Target struct {
	RefID      string `json:"refId"`
	Datasource Source `json:"datasource"`
	Expr       string `json:"expr"`
	Legend     string `json:"legendFormat"`
	EditorMode string `json:"editorMode"`
	Format     string `json:"format"` // time_series, table or heatmap
	Instant    bool   `json:"instant"`
	Range      bool   `json:"range"`
	Exemplar   bool   `json:"exemplar"`
}

// Transform changes what queries return.
type Transform struct {
	ID      string         `json:"id"`
	Options map[string]any `json:"options"`
}

// Fields says how values look.
type Fields struct {
	Defaults  Field      `json:"defaults"`
	Overrides []Override `json:"overrides"`
}

// Field says how one value looks.
type Field struct {
	Unit       string         `json:"unit"`
	Decimals   *int           `json:"decimals,omitempty"`
	Min        *float64       `json:"min,omitempty"`
	NoValue    string         `json:"noValue,omitempty"`
	Color      Color          `json:"color"`
	Mappings   []Mapping      `json:"mappings"`
	Thresholds *Thresholds    `json:"thresholds,omitempty"`
	Custom     map[string]any `json:"custom,omitempty"`
}

// Color says how a colour is chosen.
type Color struct {
	Mode  string `json:"mode"`
	Fixed string `json:"fixedColor,omitempty"`
}

// Mapping shows values as words.
type Mapping struct {
	Type    string            `json:"type"`
	Options map[string]Mapped `json:"options"`
}

// Mapped is the word for a value.
type Mapped struct {
	Text  string `json:"text"`
	Color string `json:"color"`
	Index int    `json:"index"`
}

// Thresholds colour values.
type Thresholds struct {
	Mode  string `json:"mode"`
	Steps []Step `json:"steps"`
}

// Step is the colour from a value on; the first has none.
type Step struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"`
}

// Override makes an exception for the fields of one name.
type Override struct {
	Matcher    Matcher    `json:"matcher"`
	Properties []Property `json:"properties"`
}

// Matcher finds fields.
type Matcher struct {
	ID      string `json:"id"`
	Options string `json:"options"`
}

// Property is one exception.
type Property struct {
	ID    string `json:"id"`
	Value any    `json:"value"`
}
