// The actor's claims, leases and catalog changes. Others include support/actor.h only.
#ifndef TESTS_SUPPORT_ACTOR_CLAIM_H
#define TESTS_SUPPORT_ACTOR_CLAIM_H

#include "support/actor.h"

MUST_USE nacre_status actor_claim_step(struct actor *a);
MUST_USE nacre_status actor_claim_resume(struct actor *a); // takes up the leases it holds
MUST_USE nacre_status actor_ddl_step(struct actor *a);

#endif
