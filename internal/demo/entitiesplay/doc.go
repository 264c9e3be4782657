// Package entitiesplay shows package entities: two servers that disagree on what
// state an entity is in, and two entities that wait for each other.
package entitiesplay
