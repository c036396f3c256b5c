"""An enrollment flow that requires an invitation, and an invitation for each person."""

import pulumi
import pulumi_authentik_invitations as authentik

people = {
    "ada": {"email": "ada@example.com", "attributes": {"team": "backend"}},
    "grace": {"email": "grace@example.com", "attributes": {"team": "compilers"}},
}

flow = authentik.Flow(
    "flow",
    slug="staff-enrollment",
    title="Welcome to the staff",
    designation=authentik.Designation.ENROLLMENT,
    authentication="require_unauthenticated",
)

# The first stage requires an invitation. The others are stages that authentik has by default.
invitation_stage = authentik.InvitationStage("invitation", name="staff-invitation")
default_stages = [
    "default-source-enrollment-prompt",
    "default-password-change-prompt",
    "default-source-enrollment-write",
    "default-source-enrollment-login",
]
stages = [invitation_stage.id, *(authentik.get_stage_output(name=name).pk for name in default_stages)]
for index, stage in enumerate(stages):
    authentik.FlowStageBinding(f"binding-{index}", target=flow.id, stage=stage, order=index * 10)

invitations = {
    name: authentik.Invitation(name, flow=flow.slug, valid_for="14d", single_use=True, fixed_data=data)
    for name, data in people.items()
}

# Secret. `pulumi stack output --show-secrets links` prints the links.
pulumi.export("links", {name: invitation.link for name, invitation in invitations.items()})
