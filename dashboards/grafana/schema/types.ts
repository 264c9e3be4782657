// The form of a dashboard by Grafana's own types, for JSON: where they want a
// member of an enumeration, its value will do. Options and custom fields are
// those of the panel's type.
import type { AnnotationQuery, Dashboard, DataQuery, FieldConfig, GraphFieldConfig, Panel, RowPanel, TableFieldOptions, VariableModel } from '@grafana/schema';
import type { Options as BarGauge } from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type { Options as NodeGraph } from '@grafana/schema/dist/esm/raw/composable/nodegraph/panelcfg/x/NodeGraphPanelCfg_types.gen';
import type { Options as Stat } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { Options as Table } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type { Options as TimeSeries } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

type Plain<T> = T extends string
  ? string extends T ? T : `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends Array<infer U>
      ? Array<Plain<U>>
      : T extends object
        ? { [K in keyof T]: Plain<T[K]> }
        : T;

// Prometheus's query, of which Grafana publishes no type here.
interface PrometheusQuery extends DataQuery {
  expr: string;
  legendFormat: string;
  editorMode: 'code' | 'builder';
  format: 'time_series' | 'table' | 'heatmap';
  instant: boolean;
  range: boolean;
  exemplar: boolean;
}

type Defaults<Custom> = Omit<Plain<FieldConfig>, 'custom'> & { custom?: Plain<Partial<Custom>> };

type PanelOf<Kind, Options, Custom = Record<string, never>> = Omit<Plain<Panel>, 'type' | 'options' | 'fieldConfig' | 'targets'> & {
  type: Kind;
  options: Plain<Partial<Options>>;
  targets: Array<Plain<PrometheusQuery>>;
  fieldConfig: Omit<Plain<NonNullable<Panel['fieldConfig']>>, 'defaults'> & { defaults: Defaults<Custom> };
};

type PrometheusAnnotation = Plain<AnnotationQuery> & { expr: string; step: string; titleFormat: string; textFormat: string };

export type Board = Omit<Plain<Dashboard>, 'panels' | 'annotations' | 'templating'> & {
  annotations: { list: PrometheusAnnotation[] };
  templating: { list: Array<Plain<VariableModel>> };
  panels: Array<
    | Plain<RowPanel>
    | PanelOf<'bargauge', BarGauge>
    | PanelOf<'nodeGraph', NodeGraph>
    | PanelOf<'stat', Stat>
    | PanelOf<'table', Table, TableFieldOptions>
    | PanelOf<'timeseries', TimeSeries, GraphFieldConfig>
  >;
};
