import { isDeepStrictEqual } from "node:util";
import type { Authentik } from "../../sandbox";
import type { Properties } from "./connections";
import type { Kind, Operation } from "./failures";
import { rememberPk } from "./secrets";
import type { Connections, Subject } from "./subjects";

interface ObjectKind {
  readonly path: string;
  /** The inputs, and those that an update changes. The filter finds the object in the list. */
  declare(server: Authentik): { inputs: Properties; changed: Properties; filter?: string };
  /** The last segment of the object's path. */
  key(state: Properties): string;
}

interface ApiObject extends Properties {
  readonly pk: string;
}

const flowsPath = "/api/v3/flows/instances/";

const kinds: Record<Kind, ObjectKind> = {
  invitation: {
    path: "/api/v3/stages/invitation/invitations/",
    declare: () => ({
      inputs: { name: "jane", expires: "2035-01-01T00:00:00Z" },
      changed: { singleUse: true },
      filter: "&name=jane",
    }),
    key: ({ pk }) => String(pk),
  },
  flow: {
    path: flowsPath,
    declare: () => ({
      inputs: { name: "jane", slug: "jane", title: "Jane", designation: "enrollment" },
      changed: { slug: "jane-doe" },
    }),
    key: ({ slug }) => String(slug),
  },
  stage: {
    path: "/api/v3/stages/invitation/stages/",
    declare: () => ({ inputs: { name: "jane" }, changed: { name: "jane-doe" } }),
    key: ({ pk }) => String(pk),
  },
  binding: {
    path: "/api/v3/flows/bindings/",
    declare: ({ instance }) => {
      const target = instance.flows.add({ name: "f", slug: "f", title: "F", designation: "enrollment" }).pk;
      const stage = instance.stages.add({ name: "s" }).pk;
      return { inputs: { target, stage, order: 0 }, changed: { order: 1 }, filter: `&target=${target}` };
    },
    key: ({ pk }) => String(pk),
  },
};

/** Sets up what an operation on one object needs on the server. */
export async function prepareObject(
  kind: Kind,
  operation: Exclude<Operation, "list">,
  { server, failing, direct }: Connections,
): Promise<Subject> {
  const { path, declare, key } = kinds[kind];
  const declared = declare(server);
  /** Other objects' pks are no secrets. */
  const remember = <T extends Properties>(object: T): T => {
    if (kind === "invitation") rememberPk(String(object["pk"]));
    return object;
  };
  const list = async (): Promise<ApiObject[]> => {
    const { body } = await server.request("GET", `${path}?page_size=100${declared.filter ?? ""}`);
    return (body as { results: ApiObject[] }).results.map(remember);
  };
  const pksBefore = new Set((await list()).map(({ pk }) => pk));
  const listAdded = async (): Promise<ApiObject[]> => (await list()).filter(({ pk }) => !pksBefore.has(pk));
  const provider = failing.provider(kind, "jane");
  const nextProvider = direct.provider(kind, "jane");
  const createNext = async () => await nextProvider.create(await nextProvider.check(declared.inputs));

  if (operation === "create") {
    const inputs = await provider.check(declared.inputs);
    return {
      method: "POST",
      path,
      run: async () => remember((await provider.create(inputs)).state),
      async verify({ value, error }, logged) {
        const stored = await listAdded();
        if (stored.length > 1) return [`${stored.length} objects exist`];
        if (error === undefined) {
          const isStored = stored[0] !== undefined && stored[0].pk === (value as Properties)["pk"];
          return isStored ? [] : ["the state has another object than the server"];
        }
        const recovery = await nextProvider.recover(inputs);
        const expected = stored.length === 1 ? "created" : "not created";
        if (recovery.outcome !== expected) return [`recover says ${recovery.outcome} instead of ${expected}`];
        const isFound = recovery.outcome !== "created" || recovery.outputs["pk"] === stored[0]?.pk;
        const warningCount = logged.length;
        const conflict = await createNext().then(
          () => logged.slice(warningCount).join(),
          (reason: Error) => reason.message,
        );
        // Slugs, names, and the orders of a flow's stages are unique. The names of invitations are not.
        const isUnique = kind !== "invitation";
        const isResolved =
          recovery.outcome === "not created"
            ? conflict === ""
            : conflict.includes(isUnique ? "import" : `authentik has another one (id ${recovery.id})`);
        const expectedCount = isUnique ? 1 : stored.length + 1;
        return [
          ...(isFound ? [] : ["recover finds another object"]),
          ...(isResolved ? [] : [`the next run: ${conflict}`]),
          ...((await listAdded()).length === expectedCount ? [] : ["the next run leaves another number of objects"]),
        ];
      },
    };
  }

  const { id, state } = await createNext();
  remember(state);
  /** The object must never be another one than at the start. */
  const checkStored = async (isExpected: (stored: ApiObject | undefined) => boolean, problem: string) => {
    const stored = await listAdded();
    if (stored.length > 1 || (stored[0] !== undefined && stored[0].pk !== state["pk"]))
      return ["the object was created again"];
    return isExpected(stored[0]) ? [] : [problem];
  };
  const exists = (stored: ApiObject | undefined): boolean => stored !== undefined;
  const objectPath = `${path}${key(state)}/`;
  // A flow is looked up by its pk in the list, because its path is its slug.
  const hasLookup = kind === "flow";

  if (operation === "read") {
    return {
      method: "GET",
      path: hasLookup ? path : objectPath,
      run: () => provider.read(id, state),
      async verify({ value, error }) {
        const violations = await checkStored(exists, "the object was deleted");
        if (error) return violations;
        if (value === undefined) return ["read says that the object was deleted", ...violations];
        return isDeepStrictEqual(value, state) ? violations : ["read returns another state", ...violations];
      },
    };
  }

  if (operation === "update") {
    const changed = { ...declared.inputs, ...declared.changed };
    const inputs = { ...(await provider.check(changed)), __origin: state["__origin"] };
    const isUpdated = (stored: ApiObject | undefined): boolean =>
      Object.entries(changed).every(([input, value]) => stored?.[toApiField(input)] === value);
    return {
      method: "PUT",
      path: objectPath,
      hasLookup,
      run: () => provider.update(id, state, inputs),
      async verify({ error }) {
        if (error === undefined) return await checkStored(isUpdated, "update returns although nothing changed");
        const violations = await checkStored(exists, "the object was deleted");
        await nextProvider.update(id, state, inputs);
        return [...violations, ...(await checkStored(isUpdated, "the next run does not update the object"))];
      },
    };
  }

  return {
    method: "DELETE",
    path: objectPath,
    hasLookup,
    run: () => provider.delete(id, state),
    async verify({ error }) {
      const isDeleted = (stored: ApiObject | undefined): boolean => stored === undefined;
      if (error === undefined) return await checkStored(isDeleted, "delete returns although the object exists");
      await nextProvider.delete(id, state);
      return await checkStored(isDeleted, "the next run does not delete the object");
    },
  };
}

function toApiField(input: string): string {
  return input.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
