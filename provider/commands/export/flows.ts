import type { StoredFlow } from "../../objects/flow";
import { flow, flowProvider } from "../../objects/flow";
import { toStringLiteral } from "./literals";
import { type ProgramWriter, Variable } from "./program-writer";
import { omitDefaults, validationError } from "./validation";

/** Declares a flow, or only refers to it if the resource does not support it. */
export async function writeFlow(stored: StoredFlow, identifier: string, writer: ProgramWriter): Promise<Variable> {
  const variable = new Variable(identifier);
  const { pk: _, slug: __, ...values } = stored;
  const inputs = omitDefaults(
    {
      ...values,
      name: stored.name === stored.slug ? undefined : stored.name,
      title: stored.title === stored.name ? undefined : stored.title,
    },
    flow.properties,
  );
  const complete = { ...inputs, name: stored.name, slug: stored.slug, title: stored.title };
  const why = await validationError(flowProvider, complete);
  const pk = toStringLiteral(stored.pk);
  if (why === undefined) {
    writer.resource({ type: "Flow", name: stored.slug, inputs, importSource: pk, variable });
  } else {
    writer.skip(`The flow ${toStringLiteral(stored.slug)} is referenced, but not managed`, why);
    writer.variable(variable, `{ id: ${pk} }`);
  }
  return variable;
}
