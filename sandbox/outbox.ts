import type { Events } from "./events";
import type { Flow } from "./flows";
import type { Json, JsonObject } from "./json";
import type { ApiRequest } from "./request";
import { apiError, notRecorded, ServerCrash } from "./responses";

/** An invitation that was mailed. Each address gets a mail of its own, with the same cc and bcc. */
export interface Mail {
  to: string;
  cc: string[];
  bcc: string[];
  subject: string;
  template: string;
  link: string;
  invitationPk: string;
}

const defaultTemplate = "email/invitation.html";

/** The mails that authentik's worker would have sent. */
export class Outbox {
  readonly mails: Mail[] = [];
  /** The templates that exist on the server. */
  readonly templates = new Set([defaultTemplate]);
  /** Called for each mail. */
  onMail: ((mail: Mail) => void) | undefined;

  constructor(private readonly events: Events) {}

  /** Mails the link of an invitation to each of `email_addresses`. The link has the host of the request. */
  sendInvitation(request: ApiRequest, body: JsonObject, invitation: { pk: string; flow: Flow | null }): void {
    const { email_addresses: addresses = [], template = defaultTemplate } = body;
    if (!Array.isArray(addresses) && typeof addresses !== "string") {
      throw notRecorded("email_addresses that is neither a list nor a string");
    }
    // email.send.none, email.send.missing, email.send.without-flow
    if (addresses.length === 0) throw apiError(400, { error: "No email addresses provided" });
    if (!invitation.flow) throw apiError(400, { error: "Invitation has no associated flow" });
    if (typeof template !== "string") throw notRecorded("a template that is not a string");
    const cc = copyAddresses(body, "cc_addresses");
    const bcc = copyAddresses(body, "bcc_addresses");
    // email.send.template-unknown
    if (!this.templates.has(template)) throw new ServerCrash("the template does not exist");
    const host = request.header("host") ?? "";
    const subject = `You have been invited to ${host}`;
    // authentik leaves out the path prefix under which it is served.
    const link = `${request.scheme}://${host}/if/flow/${invitation.flow.slug}/?itoken=${invitation.pk}`;
    // email.send.text: the characters of a string are taken for addresses.
    for (const to of addresses) {
      // email.send.number
      if (typeof to !== "string") throw new ServerCrash("an address is not a string");
      // email.send.not-an-address: the response does not show that the mail cannot be delivered.
      if (!/^[^\s@]+@[^\s@]+$/.test(to)) continue;
      const mail: Mail = { to, cc: [...cc], bcc: [...bcc], subject, template, link, invitationPk: invitation.pk };
      this.mails.push(mail);
      this.events.logEmailSent({ to, subject, body: `<a href="${link}">Accept Invitation</a>` });
      this.onMail?.(mail);
    }
  }
}

function copyAddresses(body: JsonObject, name: string): string[] {
  const addresses: Json = body[name] ?? [];
  const isStrings = (list: Json[]): list is string[] => list.every((address) => typeof address === "string");
  if (!Array.isArray(addresses) || !isStrings(addresses)) throw notRecorded(`${name} that is not a list of strings`);
  return addresses;
}
