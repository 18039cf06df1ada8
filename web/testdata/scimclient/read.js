// Reads a SCIM service whole and prints what it found as one JSON document: node read.js BASE_URL ACCESS_KEY.
//
// What is read is judged by scimmy, and not by rules of our own: it takes schemas only with characteristics that it knows, resources
// only if they are as the schemas say that the service advertises, lists and errors only as the standard has them, and it writes the
// filters and says by itself who they fit.
import assert from "node:assert/strict";
import {Messages, Types} from "scimmy";

const [base, key] = process.argv.slice(2);
const plain = value => JSON.parse(JSON.stringify(value));

async function get(path, params = {}) {
    const answer = await fetch(`${base}/${path}?${new URLSearchParams(params)}`, {headers: {Authorization: `Bearer ${key}`}});
    const body = await answer.json();
    if (!answer.ok) throw new Messages.ErrorResponse(body); // which throws what the body says, if it is one of the standard
    assert.equal(answer.headers.get("Content-Type").split(";")[0], "application/scim+json");
    return body;
}

// list reads all pages of a collection.
async function list(path, params = {}) {
    const all = [];
    for (let page; !page || all.length < page.totalResults;) {
        page = new Messages.ListResponse(await get(path, {...params, startIndex: all.length + 1, count: 70}));
        if (page.totalResults === 0) break;
        assert.ok(page.Resources.length > 0, `${path} says ${page.totalResults} and ends after ${all.length}`);
        all.push(...page.Resources);
    }
    return all;
}

// attribute is the library's, as the service describes it.
function attribute({type, name, mutability, subAttributes = [], ...config}) {
    return new Types.Attribute(type, name, {...config, mutable: mutability}, subAttributes.map(attribute));
}

// judge makes a resource of a type through the library. It drops what no schema declares, so what is left must be what came.
function judge({name, schema, schemaExtensions}, schemas, resource) {
    const definition = new Types.SchemaDefinition(name, schema, "", schemas[schema].attributes.map(attribute));
    const extended = schemaExtensions.map(({schema: id}) => {
        // The library has no SchemaDefinition for a URN outside of urn:ietf, so the extension is an attribute of its own.
        const whole = new Types.Attribute("complex", "extension", {}, schemas[id].attributes.map(attribute));
        return [id, whole.coerce(resource[id], "out")];
    });
    const judged = plain({...definition.coerce(resource, "out"), ...Object.fromEntries(extended)});
    assert.deepEqual(judged, resource, `${name} ${resource.id} is as its schemas say`);
    return judged;
}

const provider = await get("ServiceProviderConfig");
assert.ok(provider.filter.supported && !provider.patch.supported && !provider.bulk.supported, "what the service can do");
const schemas = Object.fromEntries((await list("Schemas")).map(schema => [schema.id, schema]));
const types = Object.fromEntries((await list("ResourceTypes")).map(type => [type.name, type]));

const users = (await list(types.User.endpoint.slice(1))).map(user => judge(types.User, schemas, user));
const groups = await Promise.all((await list(types.Group.endpoint.slice(1))).map(async ({id}) =>
    judge(types.Group, schemas, await get(`Groups/${encodeURIComponent(id)}`))));

const somebody = users[Math.floor(users.length / 2)];
assert.deepEqual(judge(types.User, schemas, await get(`Users/${encodeURIComponent(somebody.id)}`)), somebody, "one by its id");
assert.equal((await fetch(somebody.meta.location, {headers: {Authorization: `Bearer ${key}`}})).status, 200, "meta.location");

const found = {};
for (const wanted of [
    {userName: ["eq", somebody.userName]},
    {id: ["eq", somebody.id], active: ["eq", somebody.active]},
    {name: {familyName: ["sw", somebody.name.familyName.slice(0, 1)]}},
    {active: ["eq", false]},
    {userName: ["eq", "nobody"]}
]) {
    const filter = new Types.Filter(wanted);
    const ids = (await list("Users", {filter: filter.expression})).map(({id}) => id);
    assert.deepEqual(ids, filter.match(users).map(({id}) => id), filter.expression);
    found[filter.expression] = ids.length;
}
await assert.rejects(get("Users/nobody"), error => error instanceof Types.Error && Number(error.status) === 404);
await assert.rejects(get("Users", {filter: "userName pr"}), error => error.scimType === "invalidFilter" && Number(error.status) === 400);

console.log(JSON.stringify({users, groups, found}));
