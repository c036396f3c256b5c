import { ifFound } from "../../authentik/errors";
import { formatLink, invitationId, normalizeUuid } from "../../common/pk";
import { type Connection, connect } from "../../lifecycle/connections";
import { UserError } from "../../lifecycle/user-error";
import { declareLookup, notFound, outputField, propertyFields, requirePk } from "../lookup";
import { invitation } from "./declaration";
import { listReadableInvitations } from "./readable";
import { invitations, listInvitations, type StoredInvitation } from "./requests";

const { flow: _flow, expires, ...fields } = propertyFields(invitation.properties);
const { pk, link, flowPk, flowSlug, createdBy } = invitation.outputs;

const result = {
  name: "GetInvitationResult",
  comment: "An invitation, as returned by {@link getInvitation} and {@link getInvitations}.",
  fields: {
    id: { type: "string", comment: "Opaque id, derived from the pk: the same as the `id` of an {@link Invitation}." },
    pk: outputField(pk),
    link: {
      ...outputField(link),
      comment: "The link that the invitee opens. Secret. `undefined` without a flow or a configured URL.",
    },
    ...fields,
    expires: {
      ...expires,
      comment: "RFC 3339. `undefined` if it never expires, which cannot be set through the API.",
      isOptional: true,
    },
    status: {
      type: '"pending" | "expired"',
      comment:
        "Whether it has expired. Used single-use invitations are not returned, because authentik has deleted them.",
    },
    flowPk: outputField(flowPk),
    flowSlug: outputField(flowSlug),
    createdBy: outputField(createdBy),
  },
};

export const getInvitation = declareLookup({
  name: "getInvitation",
  args: {
    pk: { comment: "UUID of the invitation." },
    name: { comment: "Name in authentik. Names are not unique: if several invitations match, the lookup fails." },
  },
  exactlyOneOf: ["pk", "name"],
  result,
  path: invitation.path,
  documentation: {
    description: "Looks up an invitation by its pk or name.",
    permissions: "`authentik_stages_invitation.view_invitation`.",
    throws: ["if there is no such invitation that the token's user is allowed to view, or if several have the name"],
    example: `const partners = authentik.getInvitationOutput({ name: "partners-2027" });
export const link = partners.link; // secret`,
  },

  async run(connection, args) {
    const { client } = connection;
    if (args.pk !== undefined) {
      const found = await ifFound(invitations.retrieve(client, requirePk("getInvitation", args.pk)));
      if (found === undefined) throw notFound("getInvitation", "invitation with this pk");
      return toResult(found, connection);
    }
    const name = args.name?.trim() ?? "";
    const [first, ...others] = await listInvitations(client, { name });
    if (first === undefined) throw notFound("getInvitation", `invitation with the name "${name}"`);
    if (others.length === 0) return toResult(first, connection);
    throw new UserError(
      `getInvitation: ${others.length + 1} invitations have the name "${name}". Set pk instead, or use getInvitations.`,
    );
  },
});

export const getInvitations = declareLookup({
  name: "getInvitations",
  args: {
    name: { comment: "Name in authentik, matched exactly." },
    flowSlug: { comment: "Slug of the invitations' flow." },
    createdBy: { comment: "Username of the user who created them." },
    expires: { comment: "Exact expiry, RFC 3339." },
  },
  result,
  list: "invitations",
  path: invitation.path,
  documentation: {
    description: "Looks up all invitations that match the filters, sorted by pk.",
    args: "Filters of {@link getInvitations}. Without any, it returns all invitations.",
    permissions: "`authentik_stages_invitation.view_invitation`.",
    throws: ["if the token's user is not allowed to view any"],
    example: `const invitations = authentik.getInvitationsOutput({ flowSlug: "enrollment" });
export const names = invitations.apply((all) => all.map(({ name }) => name)); // secret, like the invitations`,
  },

  async run(connection, { name, flowSlug, createdBy, expires }) {
    const found = await listInvitations(connection.client, { name, flowSlug, createdBy, expires });
    return found.map((stored) => toResult(stored, connection));
  },
});

function toResult({ flow, expires, ...stored }: StoredInvitation, { publicUrl }: Connection) {
  const isExpired = expires !== null && Date.parse(expires) <= Date.now();
  return {
    ...stored,
    id: invitationId(stored.pk),
    link: formatLink(publicUrl, stored.flowSlug, stored.pk),
    expires: expires ?? undefined,
    status: isExpired ? "expired" : "pending",
    flowPk: flow ?? undefined,
  };
}

/**
 * The pk of the invitation with this id or pk. An import by the id keeps the pk out of the command line, and out of the pending
 * operation that the engine writes to the state during an import.
 */
export async function findInvitationPk(id: string): Promise<string> {
  const pk = normalizeUuid(id);
  if (pk !== undefined) return pk;
  if (!/^[0-9a-f]{16}$/.test(id)) {
    throw new UserError(
      "The id of an invitation has 16 hexadecimal digits. Pass the id, which getInvitations and the command audit return, or the pk, a UUID.",
    );
  }
  const listed = await listReadableInvitations(connect().client, {});
  const found = listed.invitations.find((invitation) => invitationId(invitation.pk) === id);
  if (found !== undefined) return found.pk;
  throw new UserError(
    `authentik has no invitation with the id ${id} that the token's user is allowed to view (permission authentik_stages_invitation.view_invitation).`,
  );
}
