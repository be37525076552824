-- SPDX-License-Identifier: MIT
--
-- Schema version 1, which migrations of this library are installed: one row each, written by the installer. By the rules
-- of 0001_schema.sql, but it needs none of its tables.

CREATE TABLE {schema}.tasker_schema_versions (
    version         integer      NOT NULL,
    profile         varchar(16)  NOT NULL,
    library_version varchar(32)  NOT NULL,
    installed_at    timestamp(6) NOT NULL,

    CONSTRAINT tasker_schema_versions_pkey PRIMARY KEY (version)
);
