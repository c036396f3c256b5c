import type * as pulumi from "@pulumi/pulumi";

/** Who is emailed an invitation's link. Requires authentik 2026.5 or later. */
export interface InvitationEmail {
  /**
   * Email addresses, at least one. Each gets an email of its own, once per link: when the invitation is issued or reissued, or when the address is
   * added. Removing an address has no effect.
   */
  to: pulumi.Input<pulumi.Input<string>[]>;
  /** Addresses that get a copy of each email to an address in `to`. */
  cc?: pulumi.Input<pulumi.Input<string>[]>;
  /** Addresses that get a blind copy of each email to an address in `to`. */
  bcc?: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * authentik's name of the email template.
   *
   * @default "email/invitation.html"
   */
  template?: pulumi.Input<string>;
}
