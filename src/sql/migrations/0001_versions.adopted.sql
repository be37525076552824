-- SPDX-License-Identifier: MIT
--
-- Schema version 1, what tasker_schema_adopt has done in a schema that tasker-core made, so that it can be taken back
-- from the last position to the first. It is run before all that it lists.

-- definition: of an object that was there and has been replaced, the statements that make it again; NULL: the object
-- was added. kind is the word behind DROP, identity what follows it. Who may write here may run anything as the role
-- that takes it back, so nobody is granted more than to read.
CREATE TABLE {schema}.tasker_adopted_objects (
    position   integer NOT NULL,
    kind       text    NOT NULL,
    identity   text    NOT NULL,
    definition text,
    grants     text,

    CONSTRAINT tasker_adopted_objects_pkey PRIMARY KEY (position)
);
