// Reads queries with the grammars that Grafana's editors and Prometheus's page use, and says what names they mention.
//
// Standard input: a JSON array of {language: "promql" | "logql" | "traceql", text}.
// Standard output: an array of the same length of {errors: [text…], metrics: [name…], labels: [name…],
// matchers: [[label, operator, value]…]}. In TraceQL the labels are attributes with their scope, as `span.http.route`;
// matchers are those of LogQL.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url); // the grammars' ES modules do not say that they are modules
const parsers = {
  promql: require("@prometheus-io/lezer-promql").parser,
  logql: require("@grafana/lezer-logql").parser,
  traceql: require("@grafana/lezer-traceql").parser,
};

const isLabel = {
  promql: (name) => name === "LabelName",
  logql: (name, parent) => name === "Identifier" && ["Matcher", "Labels"].includes(parent),
  traceql: (name) => name === "AttributeField",
};

function read({ language, text }) {
  const found = { errors: [], metrics: [], labels: [], matchers: [] };
  const textOf = ({ from, to }) => text.slice(from, to);
  parsers[language].parse(text).iterate({
    enter(ref) {
      const { name, node, type } = ref;
      const parent = node.parent?.name;
      if (type.isError) found.errors.push(`at ${ref.from}: ${text.slice(ref.from, ref.from + 30)}`);
      if (name === "Identifier" && parent === "VectorSelector") found.metrics.push(textOf(ref));
      if (isLabel[language](name, parent)) found.labels.push(textOf(ref));
      if (language === "logql" && name === "Matcher") {
        const parts = [];
        for (let child = node.firstChild; child; child = child.nextSibling) parts.push(textOf(child));
        found.matchers.push([parts[0], parts[1], parts[2].slice(1, -1)]);
      }
    },
  });
  return found;
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(read)));
