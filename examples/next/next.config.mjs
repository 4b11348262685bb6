/** Next loads the addon at run time instead of bundling it. */
export default { serverExternalPackages: ['hookseal'] }
